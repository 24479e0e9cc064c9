import type { FastifyInstance } from 'fastify'
import { describe, expect, test } from 'vitest'
import { loggedError } from '../../../api/plugins/request-log.ts'
import { bearer, tenantA } from '../support/harness.ts'
import { poll } from '../support/poll.ts'
import { testApp } from '../support/test-app.ts'

const routes = (app: FastifyInstance) => {
  app.post('/members/:user_id', { config: { roles: ['admin'] } }, async (request) => {
    request.log.info({ req: request }, 'a careless line')
    request.log.info({ body: request.body, headers: request.headers, query: request.query }, 'a very careless line')
    throw new Error('no member carol@example.com with eyJhbGciOi.eyJzdWIiOi.c2ln at postgres://u:hunter2@db/x')
  })
}

describe('the log', () => {
  test('holds one line per answer: method, pattern, status, time, tenant, role', async () => {
    const { app, lines } = await testApp(
      (scope) => void scope.get('/x/:id', { config: { roles: ['admin'] } }, async () => 'x'),
    )
    await app.inject({ url: '/x/alice?from=2026', headers: await bearer() })
    await poll(() => lines.length).toBe(1)
    const line = JSON.parse(lines[0] ?? '')
    expect(line).toMatchObject({
      method: 'GET',
      route: '/x/:id',
      status: 200,
      tenant_id: tenantA,
      role: 'admin',
      msg: 'request',
    })
    expect(line.duration_ms).toBeGreaterThanOrEqual(0)
    expect(Object.keys(line).sort()).toEqual(
      ['duration_ms', 'level', 'method', 'msg', 'request_id', 'role', 'route', 'status', 'tenant_id', 'time'].sort(),
    )
  })

  test('says with which code a request was refused', async () => {
    const { app, lines } = await testApp(routes)
    await app.inject({ method: 'POST', url: '/members/x' })
    await poll(() => lines.map((line) => JSON.parse(line).code)).toEqual(['token_missing'])
  })

  test('holds no token, body, query, path value, address or subject, whatever a route logs', async () => {
    const { app, lines } = await testApp(routes)
    const headers = { ...(await bearer()), cookie: 'session=topsecret', 'user-agent': 'agent-of-alice' }
    await app.inject({
      method: 'POST',
      url: '/members/alice?access_token=verysecret&email=bob@example.com',
      headers,
      payload: { email: 'dave@example.com', password: 'hunter2' },
    })
    await app.inject({ url: '/members/erin@example.com/unknown?token=alsosecret' })
    await app.inject({ url: '/members/x', headers: { authorization: 'Bearer wrong.token.here' } })
    await poll(() => lines.filter((l) => l.includes('"msg":"request"')).length).toBe(3)
    const log = lines.join('')
    expect(log).toContain('a very careless line')
    const bearerToken = headers.authorization.slice('Bearer '.length)
    for (const secret of [
      bearerToken,
      'alice',
      'bob@',
      'carol@',
      'dave@',
      'erin@',
      'hunter2',
      'verysecret',
      'alsosecret',
      'topsecret',
      'eyJ',
      'wrong.token',
      '127.0.0.1',
      'admin-user',
    ])
      expect(log, secret).not.toContain(secret)
  })

  test('of a failure holds its type, code and frames', async () => {
    const { app, lines } = await testApp(routes)
    await app.inject({ method: 'POST', url: '/members/x', headers: await bearer() })
    const line = JSON.parse(lines.find((l) => l.includes('request failed')) ?? '{}')
    expect(line).toMatchObject({ level: 50, code: 'internal_error', err: { type: 'Error' } })
    expect(line.err.message).toBe('no member [address] with [token] at postgres://[credentials]@db/x')
    expect(line.err.stack).toContain('request-log.test.ts')
  })
})

describe('an error of the database', () => {
  test('is logged without the values it quotes and without its detail', () => {
    const error = Object.assign(new Error('invalid input syntax for type uuid: "alice"'), {
      code: '22P02',
      detail: 'Key (email)=(alice@example.com) already exists.',
      where: 'PL/pgSQL',
    })
    const logged = loggedError(error)
    expect(JSON.stringify(logged)).not.toContain('alice')
    expect(logged).toMatchObject({ code: '22P02', message: 'invalid input syntax for type uuid: "…"' })
  })

  test('keeps the name of what is missing', () => {
    const error = Object.assign(new Error('relation "goals" does not exist'), { code: '42P01' })
    expect(loggedError(error).message).toContain('"goals"')
  })

  test('is logged with its causes, and something else than an Error as its type only', () => {
    expect(loggedError(new Error('a', { cause: new Error('b') }))).toMatchObject({ cause: { message: 'b' } })
    expect(loggedError('alice')).toMatchObject({ type: 'string', message: 'not an Error' })
  })
})
