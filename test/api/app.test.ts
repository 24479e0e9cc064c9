import { describe, expect, test } from 'vitest'
import { problemSchema } from '../../api/schemas/problem.ts'
import { absentDatabase, bearer } from './support/harness.ts'
import { testApp } from './support/test-app.ts'

const open = { public: true, database: false } as const

describe('every route says who may call it', () => {
  test('a route with neither roles nor public keeps the app from starting', async () => {
    await expect(testApp((app) => void app.get('/forgotten', async () => 'x'))).rejects.toThrow('GET /forgotten')
  })

  test('a route with both keeps the app from starting', async () => {
    const config = { roles: ['admin'], public: true } as const
    await expect(testApp((app) => void app.get('/both', { config }, async () => 'x'))).rejects.toThrow('GET /both')
  })

  test('all routes of the app declare roles or are public', async () => {
    const { app } = await testApp()
    const document: { paths: Record<string, Record<string, { 'x-roles': string[]; security?: unknown[] }>> } = await app
      .inject('/documentation/json')
      .then((r) => r.json())
    const operations = Object.values(document.paths).flatMap((path) => Object.values(path))
    expect(operations.length).toBeGreaterThan(3)
    for (const operation of operations) expect(operation['x-roles'].length > 0).toBe(operation.security !== undefined)
  })
})

describe('errors', () => {
  test('an unknown route is a 404 problem', async () => {
    const { app } = await testApp()
    const response = await app.inject('/nothing/here')
    expect(response.statusCode).toBe(404)
    expect(response.headers['content-type']).toMatch(/^application\/problem\+json/)
    expect(response.headers['cache-control']).toBe('no-store')
    expect(problemSchema.parse(response.json())).toMatchObject({
      code: 'unknown_route',
      type: '/problems/unknown_route',
    })
  })

  test('an error of ours never leaks its message', async () => {
    const { app, lines } = await testApp((scope) => {
      scope.get('/boom', { config: open }, async () => {
        throw new Error('password=hunter2 at 10.0.0.7')
      })
    })
    const response = await app.inject('/boom')
    expect(response.statusCode).toBe(500)
    expect(response.body).not.toMatch(/hunter2|10\.0\.0/)
    expect(response.json()).toMatchObject({ code: 'internal_error' })
    expect(lines.join('')).toContain('request failed')
  })

  test('something thrown that is not an Error is a 500 as well', async () => {
    const { app } = await testApp((scope) => {
      scope.get('/boom', { config: open }, async () => {
        throw 'text'
      })
      scope.get('/null', { config: open }, async () => Promise.reject(null))
    })
    expect((await app.inject('/boom')).json()).toMatchObject({ code: 'internal_error' })
    expect((await app.inject('/null')).json()).toMatchObject({ code: 'internal_error' })
  })

  test('a URL that cannot be decoded is a 400 problem', async () => {
    const { app } = await testApp((scope) => void scope.get('/x/:id', { config: open }, async () => 'x'))
    const response = await app.inject('/x/%E0%A4%A')
    expect(response.statusCode).toBe(400)
    expect(response.json()).toMatchObject({ code: 'malformed_url' })
    expect(response.headers['x-request-id']).toBeTruthy()
  })

  test('a path parameter that is too long is a 414 or 404 problem', async () => {
    const { app } = await testApp((scope) => void scope.get('/x/:id', { config: open }, async () => 'x'))
    const response = await app.inject(`/x/${'a'.repeat(2000)}`)
    expect([404, 414]).toContain(response.statusCode)
    problemSchema.parse(response.json())
  })
})

describe('a database that is away', () => {
  test('answers 503 with Retry-After on every route that needs it', async () => {
    const { app } = await testApp(
      (scope) => void scope.get('/data', { config: { roles: ['admin'] } }, async () => 'x'),
      {
        database: absentDatabase({ available: false }),
      },
    )
    const response = await app.inject({ url: '/data', headers: await bearer() })
    expect(response.statusCode).toBe(503)
    expect(response.headers['retry-after']).toBe('5')
    expect(response.json()).toMatchObject({ code: 'database_unavailable' })
    expect((await app.inject('/health/live')).statusCode).toBe(200)
    expect((await app.inject('/nothing')).statusCode).toBe(404)
  })

  test('is asked for only after the token was checked', async () => {
    const { app } = await testApp(
      (scope) => void scope.get('/data', { config: { roles: ['admin'] } }, async () => 'x'),
      {
        database: absentDatabase({ available: false }),
      },
    )
    expect((await app.inject('/data')).statusCode).toBe(401)
  })

  test('a connection that is refused while a request runs is a 503 too', async () => {
    const database = absentDatabase()
    const { app, lines } = await testApp(
      (scope) => void scope.get('/data', { config: { roles: ['admin'] } }, async () => database.pool.query('select 1')),
      { database },
    )
    const response = await app.inject({ url: '/data', headers: await bearer() })
    expect(response.statusCode).toBe(503)
    expect(response.json()).toMatchObject({ code: 'database_unavailable' })
    expect(response.body).not.toContain('127.0.0.1')
    expect(lines.join('')).toContain('ECONNREFUSED')
  })
})
