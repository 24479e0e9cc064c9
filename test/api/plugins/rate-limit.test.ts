import type { FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { AppDeps } from '../../../api/app.ts'
import { bearer, tenantA, tenantB, testConfig } from '../support/harness.ts'
import { hasRedis, startRedis } from '../support/redis.ts'
import { testApp } from '../support/test-app.ts'

const config = testConfig({ RATE_LIMIT_PER_MINUTE: '3' })
const routes = (app: FastifyInstance) => {
  const heavy = { roles: ['admin', 'coach'], heavyRead: true } as const
  app.get('/a', { config: heavy }, async () => 'a')
  app.get('/b', { config: heavy }, async () => 'b')
  app.get('/light', { config: { roles: ['admin'] } }, async () => 'c')
}
const limited = (deps: Partial<AppDeps> = {}) => testApp(routes, { config, ...deps })

describe('heavy reads', () => {
  test('have one budget per tenant over all routes and roles, and say what is left', async () => {
    const { app } = await limited()
    const admin = await bearer()
    const first = await app.inject({ url: '/a', headers: admin })
    expect(first.headers).toMatchObject({ 'x-ratelimit-limit': '3', 'x-ratelimit-remaining': '2' })
    expect(Number(first.headers['x-ratelimit-reset'])).toBeGreaterThan(0)
    await app.inject({ url: '/b', headers: admin })
    await app.inject({ url: '/b', headers: await bearer('coach') })
    const refused = await app.inject({ url: '/a', headers: admin })
    expect(refused.statusCode).toBe(429)
    expect(refused.json()).toMatchObject({
      code: 'rate_limited',
      detail: 'A tenant may make 3 heavy reads per minute.',
    })
    expect(refused.headers).toMatchObject({ 'x-ratelimit-remaining': '0', 'x-ratelimit-limit': '3' })
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
    expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(60)
  })

  test('of one tenant do not use up another’s, nor light reads anything', async () => {
    const { app } = await limited()
    for (let i = 0; i < 5; i += 1) await app.inject({ url: '/a', headers: await bearer('admin', tenantA) })
    expect((await app.inject({ url: '/a', headers: await bearer('admin', tenantB) })).statusCode).toBe(200)
    const light = await app.inject({ url: '/light', headers: await bearer() })
    expect(light.statusCode).toBe(200)
    expect(light.headers['x-ratelimit-limit']).toBeUndefined()
  })

  test('without a valid token cost nothing', async () => {
    const { app } = await limited()
    for (let i = 0; i < 5; i += 1) await app.inject('/a')
    expect((await app.inject({ url: '/a', headers: await bearer() })).headers['x-ratelimit-remaining']).toBe('2')
  })

  test('by HEAD count once', async () => {
    const { app } = await limited()
    await app.inject({ method: 'HEAD', url: '/a', headers: await bearer() })
    expect((await app.inject({ url: '/a', headers: await bearer() })).headers['x-ratelimit-remaining']).toBe('1')
  })

  test('cannot be had more of by another address, spelling, token or header', async () => {
    const { app } = await limited()
    const headers = await bearer()
    const tries = [
      { url: '/a', headers },
      { url: '/a/', headers },
      { url: '/%61', headers },
      { url: '/a?x=1', headers: { ...headers, 'x-forwarded-for': '203.0.113.7' } },
      { url: '/a', headers: { ...headers, 'x-real-ip': '203.0.113.8', forwarded: 'for=203.0.113.9' } },
      { url: '/a', headers: { ...headers, 'x-forwarded-host': 'other', host: 'other' } },
      { url: '/a', headers: await bearer('admin', tenantA.toUpperCase()) },
      { url: '/b', headers: { ...(await bearer('coach')), 'x-http-method-override': 'POST' } },
      { url: '/A', headers },
    ]
    const statuses: number[] = []
    for (const one of tries) statuses.push((await app.inject(one)).statusCode)
    // Paths have one case; what is no route is answered without work.
    expect(statuses).toEqual([200, 200, 200, 429, 429, 429, 429, 429, 404])
  })

  test('pass when Redis does not answer', async () => {
    const redis = new Redis({ port: 1, enableOfflineQueue: false, maxRetriesPerRequest: 0, retryStrategy: () => null })
    redis.on('error', () => {})
    onTestFinished(() => redis.disconnect())
    const { app } = await limited({ redis })
    for (let i = 0; i < 5; i += 1)
      expect((await app.inject({ url: '/a', headers: await bearer() })).statusCode).toBe(200)
  })

  test.skipIf(!hasRedis)('share the budget between instances through Redis (skipped without a Redis)', async () => {
    const redis = await startRedis()
    onTestFinished(() => redis.stop())
    const tenant = crypto.randomUUID()
    const [one, two] = [await limited({ redis: redis.client() }), await limited({ redis: redis.client() })]
    const headers = await bearer('admin', tenant)
    const statuses: number[] = []
    for (const { app } of [one, two, one, two]) statuses.push((await app.inject({ url: '/b', headers })).statusCode)
    expect(statuses).toEqual([200, 200, 200, 429])
  })
})
