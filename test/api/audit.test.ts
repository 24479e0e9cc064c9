import { request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { AppDeps } from '../../api/app.ts'
import type { AuditEntry } from '../../api/audit.ts'
import { bearer, secret, tenantA } from './support/harness.ts'
import { poll } from './support/poll.ts'
import { testApp } from './support/test-app.ts'

const routes = (plain: FastifyInstance) => {
  const app = plain.withTypeProvider<ZodTypeProvider>()
  app.get(
    '/metric/:name',
    {
      config: { roles: ['admin', 'coach'], audit: 'metric.read' },
      schema: {
        params: z.object({ name: z.string() }),
        querystring: z.object({ days: z.coerce.number().int().default(7), access_token: z.string().optional() }),
      },
    },
    async () => 'x',
  )
  app.delete('/thing', { config: { roles: ['admin'] } }, async () => 'x')
  app.post('/events', { config: { roles: ['admin'], audit: false } }, async () => 'x')
}

async function audited(deps: Partial<AppDeps> = {}, more: (app: FastifyInstance) => void = () => {}) {
  const entries: AuditEntry[] = []
  const both = (app: FastifyInstance) => {
    routes(app)
    more(app)
  }
  return { ...(await testApp(both, { audit: (entry) => void entries.push(entry), ...deps })), entries }
}

/** Sends a request over a real socket; `hangUp` resolves when the server has seen the client go. */
async function client(app: FastifyInstance, path: string) {
  const closed = new Promise<void>((resolve) =>
    app.server.once('connection', (socket) => socket.once('close', resolve)),
  )
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const request = httpRequest({ port, method: 'DELETE', path, headers: await bearer() })
  request.on('error', () => {})
  request.end()
  return {
    async hangUp() {
      request.destroy()
      await closed
    },
  }
}

describe('the audit hook', () => {
  test('hands on who did what, with validated parameters and without secrets', async () => {
    const { app, entries } = await audited()
    const headers = { ...(await bearer('coach')), 'x-request-id': 'r-1' }
    await app.inject({ url: '/metric/dau?access_token=verysecret', headers })
    await poll(() => entries.length).toBe(1)
    expect(entries[0]).toEqual({
      tenant_id: tenantA,
      actor: 'coach-user',
      role: 'coach',
      action: 'metric.read',
      route: 'GET /metric/:name',
      parameters: { name: 'dau', days: 7 },
      status: 200,
      request_id: 'r-1',
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    })
  })

  test('names the route when the route gives no action', async () => {
    const { app, entries } = await audited()
    await app.inject({ method: 'DELETE', url: '/thing', headers: await bearer() })
    await poll(() => entries[0]?.action).toBe('DELETE /thing')
  })

  test('notes refusals too, but never input that was refused', async () => {
    const { app, entries } = await audited()
    await app.inject({ method: 'DELETE', url: '/thing?x=hunter2', headers: await bearer('coach') })
    await app.inject({ url: '/metric/dau?days=hunter2', headers: await bearer() })
    await poll(() => entries.map((e) => e.status)).toEqual([403, 400])
    expect(entries.map((e) => e.parameters)).toEqual([{}, {}])
  })

  test('keeps out public routes, requests without a token, and routes that say so', async () => {
    const { app, entries } = await audited()
    await app.inject('/health/live')
    await app.inject('/metric/dau')
    await app.inject({ method: 'POST', url: '/events', headers: await bearer() })
    await app.inject({ method: 'DELETE', url: '/thing', headers: await bearer() })
    await poll(() => entries.map((e) => e.route)).toEqual(['DELETE /thing'])
  })

  test('notes a reader that hangs up before the end', async () => {
    let started = () => {}
    const running = new Promise<void>((resolve) => {
      started = resolve
    })
    const { app, entries } = await audited({}, (scope) => {
      scope.delete('/slow', { config: { roles: ['admin'] } }, async () => {
        started()
        return new Promise<string>(() => {})
      })
    })
    const { hangUp } = await client(app, '/slow')
    await running
    await hangUp()
    await poll(() => entries.map((e) => [e.route, e.status])).toEqual([['DELETE /slow', 499]])
  })

  test('notes what is done for a client that was gone before its token was checked', async () => {
    let asked = () => {}
    let release = () => {}
    const checking = new Promise<void>((resolve) => {
      asked = resolve
    })
    const gone = new Promise<void>((resolve) => {
      release = resolve
    })
    const key = async () => {
      asked()
      await gone
      return secret
    }
    const { app, entries } = await audited({ keys: { algorithm: 'HS256', key } })
    const { hangUp } = await client(app, '/thing')
    await checking
    await hangUp()
    release()
    await poll(() => entries.map((e) => [e.route, e.status])).toEqual([['DELETE /thing', 499]])
  })

  test('that fails does not touch the answer, but is logged and counted', async () => {
    const { app, lines } = await audited({ audit: () => Promise.reject(new Error('disk full')) })
    expect((await app.inject({ method: 'DELETE', url: '/thing', headers: await bearer() })).statusCode).toBe(200)
    await poll(() => lines.join('')).toContain('the audit entry could not be written')
    expect((await app.inject('/metrics')).body).toContain('upcoach_audit_failures_total 1')
  })
})
