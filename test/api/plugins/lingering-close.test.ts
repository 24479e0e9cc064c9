import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { describe, expect, test } from 'vitest'
import { testApp } from '../support/test-app.ts'

const routes = (app: FastifyInstance) => {
  app.post('/small', { config: { public: true, database: false }, bodyLimit: 100 }, async () => 'ok')
}

async function listening(): Promise<{ app: FastifyInstance; port: number }> {
  const { app } = await testApp(routes)
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { app, port: (app.server.address() as AddressInfo).port }
}

describe('a client refused in the middle of its body', () => {
  test('sees why, every time, although it is still sending', async () => {
    const { app, port } = await listening()
    const body = Buffer.alloc(20 * 1024 * 1024, 32)
    for (let time = 0; time < 20; time += 1) {
      const headers = { 'content-type': 'application/json', 'content-length': body.length }
      const request = httpRequest({ port, method: 'POST', path: '/small', headers, agent: false })
      request.end(body)
      // What it still sends after the answer may come too late.
      request.on('error', () => undefined)
      const [answer] = (await once(request, 'response')) as [IncomingMessage]
      expect(answer.statusCode).toBe(413)
      expect(answer.headers.connection).toBe('close')
      answer.resume()
      await once(answer, 'end')
    }
    await app.close()
  })

  test('is not listened to for longer than a few seconds', async () => {
    const { app, port } = await listening()
    // A client that goes on sending after it was told that nothing more follows.
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    socket.on('error', () => undefined)
    socket.write(
      'POST /small HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000000000\r\n\r\n{',
    )
    const sending = setInterval(() => socket.write('x'.repeat(1000)), 20)
    const [answer] = (await once(socket, 'data')) as [Buffer]
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 413 /)
    await new Promise((resolve) => socket.once('close', resolve))
    clearInterval(sending)
    await app.close()
  })
})
