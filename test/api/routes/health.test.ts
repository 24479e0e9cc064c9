import { describe, expect, test } from 'vitest'
import { absentDatabase } from '../support/harness.ts'
import { testApp } from '../support/test-app.ts'

const ok = (name: string) => ({ name, check: async () => ({ ok: true }) })

describe('readiness', () => {
  test('is 200 and lists every check while all are in order', async () => {
    const migrations = { name: 'migrations', check: async () => ({ ok: true, detail: '12 applied' }) }
    const { app } = await testApp(undefined, { readiness: [migrations, ok('queue')] })
    const response = await app.inject('/health/ready')
    expect(response.statusCode).toBe(200)
    expect(response.headers['cache-control']).toBe('no-store')
    expect(response.json()).toEqual({
      status: 'ready',
      checks: [
        { name: 'accepting', ok: true },
        { name: 'database', ok: true },
        { name: 'migrations', ok: true, detail: '12 applied' },
        { name: 'queue', ok: true },
      ],
    })
  })

  test('is a 503 problem that names the failing checks, and never why in the words of an error', async () => {
    const broken = { name: 'queue', check: () => Promise.reject(new Error('redis://u:hunter2@10.0.0.1')) }
    const lagging = { name: 'policies', check: async () => ({ ok: false, detail: 'oldest is 3 h late' }) }
    const { app } = await testApp(undefined, { readiness: [broken, lagging, ok('migrations')] })
    const response = await app.inject('/health/ready')
    expect(response.statusCode).toBe(503)
    expect(response.headers['content-type']).toMatch('application/problem+json')
    expect(response.json()).toMatchObject({
      code: 'not_ready',
      detail: 'Not in order: queue, policies.',
      checks: expect.arrayContaining([{ name: 'queue', ok: false, detail: 'the check failed' }]),
    })
    expect(response.body).not.toContain('hunter2')
  })

  test('fails when the database is away, while liveness does not', async () => {
    const state = { available: false }
    const { app } = await testApp(undefined, { database: absentDatabase(state) })
    expect((await app.inject('/health/ready')).json()).toMatchObject({ detail: 'Not in order: database.' })
    expect((await app.inject('/health/live')).json()).toEqual({ status: 'live' })
    state.available = true
    expect((await app.inject('/health/ready')).statusCode).toBe(200)
  })

  test('does not wait for a check that hangs', async () => {
    const hanging = { name: 'queue', check: () => new Promise<{ ok: boolean }>(() => {}) }
    const { app } = await testApp(undefined, { readiness: [hanging] })
    expect((await app.inject('/health/ready')).json()).toMatchObject({
      checks: expect.arrayContaining([{ name: 'queue', ok: false, detail: 'no answer in time' }]),
    })
  })
})
