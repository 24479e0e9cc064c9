import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { memoryCache } from '../../../api/cache/memory.ts'
import { type Cache, cacheTag } from '../../../api/cache.ts'
import { bearer, tenantA, tenantB } from '../support/harness.ts'
import { poll } from '../support/poll.ts'
import { testApp } from '../support/test-app.ts'

/** A read whose answer counts how often it was computed, and for whom. */
function counting() {
  const state = { computed: 0, value: 1, hold: undefined as Promise<void> | undefined, fail: false }
  const routes = (plain: FastifyInstance) => {
    const app = plain.withTypeProvider<ZodTypeProvider>()
    app.get(
      '/kpi/:name',
      {
        config: { roles: ['admin', 'coach', 'finance'] },
        schema: {
          params: z.object({ name: z.string() }),
          querystring: z.object({ from: z.string().optional(), plan: z.string().optional() }),
          response: { 200: z.object({ tenant: z.string(), value: z.number() }) },
        },
      },
      async (request, reply) =>
        reply.sendCached({
          key: { ...request.params, ...request.query },
          sources: [request.params.name],
          produce: async () => {
            state.computed += 1
            const { value } = state
            await state.hold
            if (state.fail) throw new Error('no')
            return { tenant: request.principal.tenantId, value, dropped: 'by the schema' }
          },
        }),
    )
    app.get('/csv', { config: { roles: ['admin'] } }, async (_request, reply) =>
      reply.sendCached({
        key: {},
        sources: [],
        contentType: 'text/csv; charset=utf-8',
        produce: async () => 'a,b\r\n1,2\r\n',
      }),
    )
  }
  return { state, routes }
}

describe('a cached read', () => {
  test('is computed once, and the second answer is the same bytes', async () => {
    const { state, routes } = counting()
    const { app } = await testApp(routes)
    const headers = await bearer()
    const first = await app.inject({ url: '/kpi/dau?from=1&plan=x', headers })
    const second = await app.inject({ url: '/kpi/dau?plan=x&from=1', headers })
    expect(first.json()).toEqual({ tenant: tenantA, value: 1 })
    expect(second.rawPayload.equals(first.rawPayload)).toBe(true)
    expect(second.headers).toMatchObject({
      etag: first.headers.etag,
      'cache-control': 'private, no-cache',
      'content-type': 'application/json; charset=utf-8',
      vary: 'Authorization, Accept',
    })
    expect(state.computed).toBe(1)
  })

  test('is computed once for requests that arrive together', async () => {
    const { state, routes } = counting()
    const { app } = await testApp(routes)
    const headers = await bearer()
    const answers = await Promise.all(Array.from({ length: 20 }, () => app.inject({ url: '/kpi/dau', headers })))
    expect(new Set(answers.map((a) => a.body)).size).toBe(1)
    expect(state.computed).toBe(1)
  })

  test('differs by metric, filter, tenant, role and coach', async () => {
    const { state, routes } = counting()
    const { app } = await testApp(routes)
    const asks: [string, Record<string, string>][] = [
      ['/kpi/dau', await bearer('admin')],
      ['/kpi/wau', await bearer('admin')],
      ['/kpi/dau?plan=pro', await bearer('admin')],
      ['/kpi/dau', await bearer('finance')],
      ['/kpi/dau', await bearer('coach', tenantA, 'c1')],
      ['/kpi/dau', await bearer('coach', tenantA, 'c2')],
      ['/kpi/dau', await bearer('admin', tenantB)],
    ]
    for (const [url, headers] of asks) await app.inject({ url, headers })
    expect(state.computed).toBe(asks.length)
    const other = await app.inject({ url: '/kpi/dau', headers: await bearer('admin', tenantB) })
    expect(other.json()).toMatchObject({ tenant: tenantB })
    expect(state.computed).toBe(asks.length)
  })

  test('may be any finished text, such as CSV', async () => {
    const { routes } = counting()
    const { app } = await testApp(routes)
    const response = await app.inject({ url: '/csv', headers: await bearer() })
    expect(response.headers['content-type']).toBe('text/csv; charset=utf-8')
    expect(response.body).toBe('a,b\r\n1,2\r\n')
  })

  test('that fails is not kept', async () => {
    const { state, routes } = counting()
    const { app } = await testApp(routes)
    state.fail = true
    expect((await app.inject({ url: '/kpi/dau', headers: await bearer() })).statusCode).toBe(500)
    state.fail = false
    expect((await app.inject({ url: '/kpi/dau', headers: await bearer() })).statusCode).toBe(200)
  })
})

describe('a conditional read', () => {
  test.each([
    ['the same validator', (e: string) => e],
    ['a weak one', (e: string) => `W/${e}`],
    ['one in a list', (e: string) => `"x", ${e}, "y"`],
    ['any', () => '*'],
  ])('with %s gets 304 without a body', async (_name, make) => {
    const { routes } = counting()
    const { app } = await testApp(routes)
    const headers = await bearer()
    const { etag } = (await app.inject({ url: '/kpi/dau', headers })).headers
    const response = await app.inject({ url: '/kpi/dau', headers: { ...headers, 'if-none-match': make(String(etag)) } })
    expect(response.statusCode).toBe(304)
    expect(response.body).toBe('')
    expect(response.headers).toMatchObject({ etag, 'cache-control': 'private, no-cache' })
  })

  test('with an old validator gets the answer', async () => {
    const { routes } = counting()
    const { app } = await testApp(routes)
    const response = await app.inject({ url: '/kpi/dau', headers: { ...(await bearer()), 'if-none-match': '"old"' } })
    expect(response.statusCode).toBe(200)
  })

  test('needs a token all the same', async () => {
    const { routes } = counting()
    const { app } = await testApp(routes)
    expect((await app.inject({ url: '/kpi/dau', headers: { 'if-none-match': '*' } })).statusCode).toBe(401)
  })
})

describe('invalidation', () => {
  test('makes the next read compute, for the named source and tenant only', async () => {
    const { state, routes } = counting()
    const cache = memoryCache()
    const { app } = await testApp(routes, { cache })
    const headers = await bearer()
    const b = await bearer('admin', tenantB)
    const read = (url: string, h = headers) => app.inject({ url, headers: h }).then((r) => r.json().value)
    await read('/kpi/dau')
    await read('/kpi/wau')
    await read('/kpi/dau', b)
    state.value = 2
    await cache.invalidate([cacheTag(tenantA, 'dau')])
    expect(await read('/kpi/dau')).toBe(2)
    expect(await read('/kpi/wau')).toBe(1)
    expect(await read('/kpi/dau', b)).toBe(1)
  })

  test('while an answer is computed keeps that answer out of the cache, and new readers do not join it', async () => {
    const { state, routes } = counting()
    const cache = memoryCache()
    const { app } = await testApp(routes, { cache })
    const headers = await bearer()
    let release = () => {}
    state.hold = new Promise<void>((resolve) => {
      release = resolve
    })
    const old = app.inject({ url: '/kpi/dau', headers })
    await poll(() => state.computed).toBe(1)
    state.value = 2
    await cache.invalidate([cacheTag(tenantA, 'dau')])
    const fresh = app.inject({ url: '/kpi/dau', headers })
    await poll(() => state.computed).toBe(2)
    release()
    expect((await old).json().value).toBe(1)
    expect((await fresh).json().value).toBe(2)
    expect((await app.inject({ url: '/kpi/dau', headers })).json().value).toBe(2)
  })
})

describe('a cache that fails', () => {
  test('costs speed only', async () => {
    const { state, routes } = counting()
    const fail = () => Promise.reject(new Error('Connection is closed.'))
    const broken: Cache = { get: fail, set: fail, invalidate: fail, versions: fail }
    const { app, lines } = await testApp(routes, { cache: broken })
    const headers = await bearer()
    expect((await app.inject({ url: '/kpi/dau', headers })).statusCode).toBe(200)
    expect((await app.inject({ url: '/kpi/dau', headers })).statusCode).toBe(200)
    expect(state.computed).toBe(2)
    expect(lines.join('')).toContain('the response cache failed')
  })
})
