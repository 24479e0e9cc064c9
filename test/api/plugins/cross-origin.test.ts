import type { FastifyInstance } from 'fastify'
import { describe, expect, test } from 'vitest'
import { bearer, testConfig } from '../support/harness.ts'
import { testApp } from '../support/test-app.ts'

const routes = (app: FastifyInstance) => {
  app.get('/data', { config: { roles: ['admin'] } }, async (_request, reply) =>
    reply.sendCached({ key: {}, sources: [], produce: async () => 'x', contentType: 'text/plain' }),
  )
}
const config = testConfig({ CORS_ORIGINS: 'https://app.example, https://ops.example' })
const preflight = (app: FastifyInstance, origin: string) =>
  app.inject({ method: 'OPTIONS', url: '/data', headers: { origin, 'access-control-request-method': 'GET' } })

describe('other origins', () => {
  test('are kept out unless configured', async () => {
    const { app } = await testApp(routes)
    const response = await app.inject({ url: '/data', headers: { ...(await bearer()), origin: 'https://app.example' } })
    expect(response.headers['access-control-allow-origin']).toBeUndefined()
    expect((await preflight(app, 'https://app.example')).statusCode).toBe(404)
  })

  test('that are configured may ask and read, without cookies', async () => {
    const { app } = await testApp(routes, { config })
    const asked = await preflight(app, 'https://ops.example')
    expect(asked.statusCode).toBe(204)
    expect(asked.headers['access-control-allow-origin']).toBe('https://ops.example')
    expect(asked.headers['access-control-allow-headers']).toContain('Authorization')
    const response = await app.inject({ url: '/data', headers: { ...(await bearer()), origin: 'https://app.example' } })
    expect(response.headers['access-control-allow-origin']).toBe('https://app.example')
    expect(response.headers['access-control-expose-headers']).toContain('ETag')
    expect(response.headers['access-control-allow-credentials']).toBeUndefined()
    expect(response.headers.vary).toBe('Origin, Authorization, Accept')
  })

  test('get the reason of a refusal as well', async () => {
    const { app } = await testApp(routes, { config })
    const response = await app.inject({ url: '/data', headers: { origin: 'https://app.example' } })
    expect(response.statusCode).toBe(401)
    expect(response.headers['access-control-allow-origin']).toBe('https://app.example')
  })

  test.each([
    'https://evil.example',
    'https://app.example.evil.example',
    'http://app.example',
    'null',
    'https://APP.example',
  ])('that only look like a configured one are kept out: %s', async (origin) => {
    const { app } = await testApp(routes, { config })
    const asked = await preflight(app, origin)
    expect(asked.headers['access-control-allow-origin']).toBeUndefined()
    expect(asked.headers['access-control-allow-methods']).toBeUndefined()
    expect(asked.headers.vary).toContain('Origin')
  })
})
