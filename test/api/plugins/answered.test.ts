import { Readable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import Fastify from 'fastify'
import { expect, test } from 'vitest'
import { CLIENT_CLOSED, onAnswered } from '../../../api/plugins/answered.ts'
import { eventually } from '../../support/eventually.ts'

test('each listener hears once of a streamed answer, and the answer gathers no listeners for it', async () => {
  const app = Fastify()
  const heard: string[] = []
  for (let i = 0; i < 20; i++)
    onAnswered(app, (request, _reply, status) => {
      heard.push(`${i} ${request.url} ${status}`)
    })
  let listeners = 0
  app.get('/stream', async (_request, reply) => {
    const lines = Readable.from(
      (async function* () {
        yield 'first'
        // The answer is being piped by now.
        listeners = reply.raw.listenerCount('close')
        yield 'last'
      })(),
    )
    return reply.send(lines)
  })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  try {
    expect(await (await fetch(`${url}/stream`)).text()).toBe('firstlast')
    await eventually(async () => expect(heard.length).toBe(20))
    expect(heard).toEqual(Array.from({ length: 20 }, (_, i) => `${i} /stream 200`))
    expect(listeners).toBeGreaterThan(0)
    expect(listeners).toBeLessThanOrEqual(10)
  } finally {
    await app.close()
  }
})

test('a listener behind a slow hook hears of a client who is gone by then', async () => {
  const app = Fastify()
  const heard: string[] = []
  onAnswered(app, (_request, _reply, status) => {
    heard.push(`first ${status}`)
  })
  app.addHook('onRequest', async (_request, reply) => {
    await eventually(async () => expect(reply.raw.closed).toBe(true))
    await wait(5)
  })
  onAnswered(app, (_request, _reply, status) => {
    heard.push(`second ${status}`)
  })
  app.get('/', async () => 'nobody reads this')
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  try {
    await expect(fetch(url, { signal: AbortSignal.timeout(100) })).rejects.toThrow()
    await eventually(async () => expect(heard).toEqual([`first ${CLIENT_CLOSED}`, `second ${CLIENT_CLOSED}`]))
  } finally {
    await app.close()
  }
})
