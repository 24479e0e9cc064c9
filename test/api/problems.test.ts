import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { databaseError } from '../../api/database-errors.ts'
import { ApiError, errors } from '../../api/errors.ts'
import { problemSchema } from '../../api/schemas/problem.ts'
import { testApp } from './support/test-app.ts'

const open = { public: true, database: false } as const
const routes = (plain: FastifyInstance) => {
  const app = plain.withTypeProvider<ZodTypeProvider>()
  app.get(
    '/search',
    {
      config: open,
      schema: {
        querystring: z.strictObject({ from: z.iso.date(), granularity: z.enum(['hour', 'day']).default('day') }),
        response: { 200: z.object({ n: z.int() }) },
      },
    },
    async () => ({ n: 1 }),
  )
  app.post(
    '/things/:id',
    {
      config: open,
      schema: {
        params: z.object({ id: z.guid() }),
        body: z.object({ email: z.email(), tags: z.record(z.string(), z.int()).optional() }),
      },
    },
    async () => 'ok',
  )
  app.get('/broken', { config: open, schema: { response: { 200: z.object({ n: z.int() }) } } }, async () => ({
    n: 1.5,
  }))
  app.get('/conflict', { config: open, schema: { response: { 409: problemSchema } } }, async () => {
    throw new ApiError(errors.CONFLICT, {
      detail: 'It is running.',
      headers: { 'retry-after': '7' },
      members: { job: 3 },
    })
  })
}

describe('input that does not match the schema', () => {
  test('names every bad field and what would be right', async () => {
    const { app } = await testApp(routes)
    const response = await app.inject('/search?from=yesterday&granularity=minute')
    expect(response.statusCode).toBe(400)
    const problem = problemSchema.parse(response.json())
    expect(problem.code).toBe('validation_failed')
    expect(problem.errors?.map((e) => e.path)).toEqual(['from', 'granularity'])
    expect(problem.errors?.[1]?.message).toContain('"hour"|"day"')
  })

  test('never echoes the values that were sent', async () => {
    const { app } = await testApp(routes)
    const query = await app.inject('/search?from=alice@example.com&granularity=hunter2')
    expect(query.body).not.toMatch(/alice|hunter2/)
    const payload = { email: 'not-an-address-hunter2', tags: { 'bob@example.com': 'x', fine: 'y' } }
    const body = await app.inject({ method: 'POST', url: '/things/hunter2-not-a-uuid', payload })
    expect(body.statusCode).toBe(400)
    expect(body.body).not.toMatch(/hunter2|bob/)
    const deep = await app.inject({ method: 'POST', url: '/things/11111111-1111-4111-8111-111111111111', payload })
    expect(deep.body).not.toMatch(/hunter2|bob/)
    expect(deep.json().errors.map((e: { path: string }) => e.path)).toEqual(['email', 'tags.?', 'tags.fine'])
  })

  test('names unknown keys only when they look like names', async () => {
    const { app } = await testApp(routes)
    const named = await app.inject('/search?from=2026-01-01&fro=1')
    expect(named.json()).toMatchObject({ errors: [{ message: 'unknown: fro' }] })
    const hidden = await app.inject('/search?from=2026-01-01&bob@example.com=1')
    expect(hidden.body).not.toContain('bob')
  })
})

describe('an answer of ours that does not match its schema', () => {
  test('is a 500 that does not show it', async () => {
    const { app, lines } = await testApp(routes)
    const response = await app.inject('/broken')
    expect(response.statusCode).toBe(500)
    expect(response.json()).toMatchObject({ code: 'internal_error' })
    expect(lines.join('')).toContain('FST_ERR_RESPONSE_SERIALIZATION')
  })
})

describe('an error of the catalogue', () => {
  test('keeps its headers and further members whatever the route documents', async () => {
    const { app } = await testApp(routes)
    const response = await app.inject('/conflict')
    expect(response.headers['retry-after']).toBe('7')
    expect(response.json()).toEqual({
      type: '/problems/conflict',
      title: errors.CONFLICT.title,
      status: 409,
      code: 'conflict',
      detail: 'It is running.',
      job: 3,
    })
  })

  test('has a code of its own that its constant tells', () => {
    const codes = Object.values(errors).map((e) => e.code)
    expect(new Set(codes).size).toBe(codes.length)
    for (const e of Object.values(errors)) {
      expect(e.code).toMatch(/^[a-z]+(_[a-z]+)*$/)
      expect(e.status).toBeGreaterThanOrEqual(400)
      expect(e.docs.length).toBeGreaterThan(10)
    }
  })

  test('can be looked up under its type', async () => {
    const { app } = await testApp()
    expect((await app.inject('/problems/rate_limited')).json()).toEqual(errors.RATE_LIMITED)
    expect((await app.inject('/problems/nonsense')).statusCode).toBe(404)
    expect((await app.inject('/problems')).json()).toHaveLength(Object.keys(errors).length)
  })
})

describe('database errors', () => {
  const withCode = (code: string, more: object = {}) => Object.assign(new Error('x'), { code, ...more })
  test.each([
    ['08006', {}, 'database_unavailable'],
    ['57P01', {}, 'database_unavailable'],
    ['57P03', {}, 'database_unavailable'],
    ['53300', {}, 'database_unavailable'],
    ['ECONNREFUSED', { syscall: 'connect' }, 'database_unavailable'],
    ['ENOENT', { syscall: 'connect' }, 'database_unavailable'],
    ['ECONNRESET', { syscall: 'read' }, 'database_unavailable'],
    ['57014', {}, 'database_busy'],
    ['40P01', {}, 'database_busy'],
    ['ENOENT', { syscall: 'open' }, undefined],
    ['23505', {}, undefined],
    ['42P01', {}, undefined],
  ])('%s %j → %s', (code, more, expected) => {
    expect(databaseError(withCode(code, more))?.code).toBe(expected)
    expect(databaseError(new Error('wrapped', { cause: withCode(code, more) }))?.code).toBe(expected)
  })

  test('messages of pg without a code are known too', () => {
    for (const message of ['Connection terminated unexpectedly', 'timeout exceeded when trying to connect'])
      expect(databaseError(new Error(message))?.code).toBe('database_unavailable')
    expect(databaseError(new AggregateError([withCode('ECONNREFUSED', { syscall: 'connect' })]))?.code).toBe(
      'database_unavailable',
    )
    expect(databaseError(new Error('Query read timeout'))?.code).toBe('database_busy')
    expect(databaseError('text')).toBeUndefined()
  })
})

describe('a request that is not HTTP', () => {
  test('gets a problem as well', async () => {
    const { app } = await testApp()
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.address() as AddressInfo
    const send = (text: string) =>
      new Promise<string>((resolve, reject) => {
        let got = ''
        const socket = connect(port, '127.0.0.1', () => socket.write(text))
        socket.on('data', (data) => {
          got += data
        })
        socket.on('close', () => resolve(got))
        socket.on('error', reject)
      })
    expect(await send('NONSENSE\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 .*malformed_request/s)
    expect(await send(`GET / HTTP/1.1\r\nhost: x\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 431 .*headers_too_large/s,
    )
  })
})
