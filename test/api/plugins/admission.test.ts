import { once } from 'node:events'
import { Agent, request } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { bearer, bootApp, tenantA, tenantB } from '../support/harness.ts'

/** A route that does not answer before it is told to. */
async function slowApp() {
  const waiting: (() => void)[] = []
  const { app } = await bootApp((scope: FastifyInstance) => {
    scope.post('/slow', { config: { roles: ['service'], admission: true, ndjson: true } }, async () => {
      await new Promise<void>((resolve) => waiting.push(resolve))
      return 'done'
    })
  })
  onTestFinished(() => app.close())
  const post = async (tenant: string, bytes: number) =>
    app.inject({
      method: 'POST',
      url: '/slow',
      headers: { ...(await bearer('service', tenant)), 'content-type': 'application/x-ndjson' },
      payload: Buffer.alloc(bytes, 'a'),
    })
  return {
    app,
    post,
    release: () => {
      for (const done of waiting.splice(0)) done()
    },
    waiting,
  }
}

test('a tenant with too much in flight is asked to wait, another is let in, and afterwards everybody is', async () => {
  const { post, release, waiting } = await slowApp()
  const size = 1024 * 1024
  const flood = Array.from({ length: 12 }, () => post(tenantA, size))
  const refused = await Promise.race(flood)
  expect(refused.statusCode).toBe(429)
  expect(refused.json()).toMatchObject({ code: 'too_much_in_flight' })
  expect(refused.headers['retry-after']).toBe('1')
  const other = post(tenantB, size)
  await expect.poll(() => waiting.length).toBe(5)
  release()
  expect((await other).statusCode).toBe(200)
  const answers = (await Promise.all(flood)).map(({ statusCode }) => statusCode)
  expect(answers.filter((status) => status === 200)).toHaveLength(4)
  const again = post(tenantA, size)
  await expect.poll(() => waiting.length).toBe(1)
  release()
  expect((await again).statusCode).toBe(200)
})

test('who is refused and comes back at once over the same connection is refused again when the time is over', async () => {
  const { app, post, release, waiting } = await slowApp()
  const size = 1024 * 1024
  const origin = await app.listen({ host: '127.0.0.1', port: 0 })
  const flood = Array.from({ length: 4 }, () => post(tenantA, size))
  await expect.poll(() => waiting.length).toBe(4)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  onTestFinished(() => agent.destroy())
  const headers = { ...(await bearer('service', tenantA)), 'content-type': 'application/x-ndjson' }
  const send = async () => {
    const sent = request(`${origin}/slow`, { method: 'POST', agent, headers })
    sent.end(Buffer.alloc(size, 'a'))
    const [answer] = await once(sent, 'response')
    answer.resume()
    await once(answer, 'end')
    return Number(answer.statusCode)
  }
  expect(await send()).toBe(429)
  const began = performance.now()
  expect(await send()).toBe(429)
  expect(performance.now() - began).toBeGreaterThan(500)
  release()
  await Promise.all(flood)
  const again = send()
  await expect.poll(() => waiting.length).toBe(1)
  release()
  expect(await again).toBe(200)
})
