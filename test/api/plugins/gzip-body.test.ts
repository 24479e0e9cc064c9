import { request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createGzip, gzipSync } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import { describe, expect, test } from 'vitest'
import { INGEST_BODY_LIMIT } from '../../../api/route-config.ts'
import { poll } from '../support/poll.ts'
import { testApp } from '../support/test-app.ts'

const open = { public: true, database: false, ndjson: true } as const
const echo = (app: FastifyInstance) => {
  app.post('/echo', { config: open, bodyLimit: INGEST_BODY_LIMIT }, async (request) => ({ got: request.body }))
  app.post('/size', { config: open, bodyLimit: INGEST_BODY_LIMIT }, async (request) => ({
    bytes: (request.body as Buffer).length,
  }))
  app.post('/small', { config: open, bodyLimit: 100 }, async () => 'ok')
}
const json = { 'content-type': 'application/json' }
const ndjson = { 'content-type': 'application/x-ndjson' }
const gzip = { 'content-encoding': 'gzip' }

describe('a gzip body', () => {
  test('is read like a plain one', async () => {
    const { app } = await testApp(echo)
    const payload = gzipSync(JSON.stringify({ hello: 'wörld' }))
    const response = await app.inject({ method: 'POST', url: '/echo', headers: { ...json, ...gzip }, payload })
    expect(response.json()).toEqual({ got: { hello: 'wörld' } })
  })

  test('may consist of several members', async () => {
    const { app } = await testApp(echo)
    const payload = Buffer.concat([gzipSync('{"a":'), gzipSync('1}')])
    const response = await app.inject({ method: 'POST', url: '/echo', headers: { ...json, ...gzip }, payload })
    expect(response.json()).toEqual({ got: { a: 1 } })
  })

  test.each([
    ['exactly the limit', INGEST_BODY_LIMIT, 200],
    ['one byte more', INGEST_BODY_LIMIT + 1, 413],
  ])('is measured decompressed: %s', async (_name, bytes, status) => {
    const { app } = await testApp(echo)
    const payload = gzipSync(Buffer.alloc(bytes, 32))
    const response = await app.inject({ method: 'POST', url: '/size', headers: { ...ndjson, ...gzip }, payload })
    expect(response.statusCode).toBe(status)
    if (status === 413) expect(response.json()).toMatchObject({ code: 'payload_too_large' })
    else expect(response.json()).toEqual({ bytes })
  })

  test.each([
    ['not gzip at all', Buffer.from('{"a":1}')],
    ['cut off', gzipSync(JSON.stringify({ a: 'x'.repeat(1000) })).subarray(0, 20)],
    ['with a wrong checksum', Buffer.concat([gzipSync('{"a":1}').subarray(0, -8), Buffer.alloc(8)])],
    ['empty', Buffer.alloc(0)],
  ])('that is %s gets 400', async (_name, payload) => {
    const { app } = await testApp(echo)
    const response = await app.inject({ method: 'POST', url: '/echo', headers: { ...json, ...gzip }, payload })
    expect(response.statusCode).toBe(400)
    expect(response.json()).toMatchObject({ code: 'malformed_body' })
  })

  test.each(['br', 'deflate', 'gzip, gzip', 'zstd'])('in another encoding (%s) gets 415', async (encoding) => {
    const { app } = await testApp(echo)
    const headers = { ...json, 'content-encoding': encoding }
    const response = await app.inject({ method: 'POST', url: '/echo', headers, payload: '{}' })
    expect(response.statusCode).toBe(415)
    expect(response.json()).toMatchObject({ code: 'unsupported_encoding' })
    expect(response.headers['accept-encoding']).toBe('gzip')
  })
})

describe('a zip bomb over a real socket', () => {
  test('is answered with 413 while it is still being sent, and memory stays flat', async () => {
    const { app } = await testApp(echo)
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.address() as AddressInfo
    const before = process.memoryUsage().arrayBuffers
    const status = await new Promise<number>((resolve, reject) => {
      const request = httpRequest(
        { port, method: 'POST', path: '/size', headers: { ...ndjson, ...gzip, 'transfer-encoding': 'chunked' } },
        (response) => {
          response.resume()
          resolve(response.statusCode ?? 0)
          bomb.destroy()
          request.destroy()
        },
      )
      request.on('error', reject)
      // 4 GiB of zeros if nobody stops it.
      const bomb = createGzip({ level: 9 })
      const zeros = Buffer.alloc(1024 * 1024)
      let left = 4096
      const feed = () => {
        while (left > 0 && !bomb.destroyed) {
          left -= 1
          if (!bomb.write(zeros)) return void bomb.once('drain', feed)
        }
        if (!bomb.destroyed) bomb.end()
      }
      bomb.on('error', () => {})
      bomb.pipe(request)
      feed()
    })
    expect(status).toBe(413)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024)
    expect((await app.inject({ method: 'POST', url: '/echo', headers: json, payload: '{"a":1}' })).statusCode).toBe(200)
  })

  test('a client that hangs up in the middle does no harm', async () => {
    const { app, lines } = await testApp(echo)
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.address() as AddressInfo
    const body = gzipSync(Buffer.from(JSON.stringify({ a: Array.from({ length: 5000 }, () => Math.random()) })))
    await new Promise<void>((resolve) => {
      const headers = { ...json, ...gzip, 'content-length': String(body.length) }
      const request = httpRequest({ port, method: 'POST', path: '/echo', headers })
      request.on('error', () => {})
      request.on('close', () => resolve())
      request.write(body.subarray(0, 1000), () => request.destroy())
    })
    await poll(() => lines.some((l) => l.includes('"route":"/echo"'))).toBe(true)
    expect(lines.join('')).not.toContain('"level":50')
    expect((await app.inject('/health/live')).statusCode).toBe(200)
  })
})

describe('a plain body past the limit', () => {
  test('gets 413', async () => {
    const { app } = await testApp(echo)
    const response = await app.inject({
      method: 'POST',
      url: '/small',
      headers: json,
      payload: JSON.stringify('x'.repeat(200)),
    })
    expect(response.statusCode).toBe(413)
    expect(response.json()).toMatchObject({ code: 'payload_too_large' })
  })
})

test.each([
  ['POST of a type that the route does not take', 'POST', 'text/plain', '/echo', 415],
  ['GET of a public route', 'GET', 'application/json', '/problems', 200],
])(
  'a body that only says it is gzip ends nothing when nobody reads it: %s',
  async (_name, method, type, path, status) => {
    const { app } = await testApp(echo)
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    // An error event without a listener would end this process.
    for (let i = 0; i < 5; i += 1) {
      const answered = await new Promise((resolve, reject) => {
        const headers = { 'content-type': type, ...gzip, 'content-length': 8 }
        const request = httpRequest(url + path, { method, headers }, (response) => {
          response.resume().on('end', () => resolve(response.statusCode))
        })
        request.on('error', reject).end('not gzip')
      })
      expect(answered).toBe(status)
    }
  },
)
