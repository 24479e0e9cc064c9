import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { writeSecret } from '../../../db/secrets.ts'
import { sourceStatus } from '../../../db/sources/runners.ts'
import { createTenant, type Tenant } from '../../../db/tenant.ts'
import { type RunningSources, startSources } from '../../../workers/sources/start.ts'
import { supabaseRealtime } from '../../../workers/sources/supabase-realtime.ts'
import { openTestDatabase, type TestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { KILLS, KILLS_TIMEOUT, surviveKills } from './kills.ts'
import { JWT_SECRET, KEY, type SupabaseServer, startSupabase } from './supabase-server.ts'
import { seeded } from './support.ts'

const masterKey = Buffer.alloc(32, 3)
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }

describe('a Supabase project', () => {
  let database: TestDatabase
  let supabase: SupabaseServer
  const running = new Set<RunningSources>()
  beforeAll(async () => {
    database = await openTestDatabase()
  })
  afterAll(() => database.close())
  beforeEach(async () => {
    supabase = await startSupabase()
  })
  afterEach(async () => {
    await Promise.all([...running].map((one) => one.close()))
    running.clear()
    await supabase.close()
  })

  const startWorker = async () => {
    const options = { masterKey, logger: silent, accepted: () => undefined, sources: [supabaseRealtime] }
    const one = await startSources({ database, ...options, scanMs: 50, leaseSeconds: 2, backoffMs: 20 })
    running.add(one)
    return one
  }
  async function tenantWith(settings: Record<string, unknown>, secrets: Record<string, string> = {}): Promise<Tenant> {
    const all = { enabled: true, url: supabase.url, tables: 'habit_checks,goals', sweep_seconds: 300, ...settings }
    const named = Object.fromEntries(
      Object.entries(all).map(([name, value]) => [`source.supabase_realtime.${name}`, value]),
    )
    const tenant = await createTenant(database.pool, { slug: `s-${randomUUID()}`, timezone: 'UTC', currency: 'USD' })
    for (const [name, value] of Object.entries({ key: KEY, ...secrets }))
      await writeSecret(database.pool, masterKey, tenant.id, `source.supabase_realtime.${name}`, value)
    await database.pool.query('update analytics.tenants set settings = $2 where id = $1', [
      tenant.id,
      JSON.stringify(named),
    ])
    return tenant
  }
  const status = async ({ slug }: Tenant) => (await sourceStatus(database.pool)).find((found) => found.tenant === slug)
  /** Stored events by type, each as habit or goal, member and time. */
  async function stored({ id }: Tenant): Promise<string[]> {
    const { rows } = await database.pool.query<{ line: string }>(
      `select type || ' ' || coalesce(properties ->> 'habit_id', properties ->> 'goal_id', '') || ' ' || user_id || ' '
         || to_char(occurred_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS') as line
       from analytics.events where tenant_id = $1 order by 1`,
      [id],
    )
    return rows.map(({ line }) => line)
  }
  const text = (iso: unknown) => String(iso).slice(0, 23)
  /** What the rows of the source say, as `stored` prints it. */
  function expected(): string[] {
    const checks = (supabase.rows.get('habit_checks') ?? []).map(
      (row) => `habit_checked ${row.habit_id} ${row.user_id} ${text(row.checked_at)}`,
    )
    const goals = (supabase.rows.get('goals') ?? []).flatMap((row) => [
      `goal_created ${row.id} ${row.user_id} ${text(row.created_at)}`,
      ...(row.status === 'completed' ? [`goal_completed ${row.id} ${row.user_id} ${text(row.completed_at)}`] : []),
    ])
    return [...checks, ...goals].sort()
  }
  const check = (id: number) => ({
    id,
    habit_id: `h-${id % 3}`,
    user_id: `m-${id % 5}`,
    status: 'done',
    checked_at: new Date(Date.UTC(2026, 9, 1) + id * 61_001).toISOString(),
    date: '2026-10-01',
  })
  const completed = (id: number) => ({
    id,
    status: 'completed',
    completed_at: new Date(Date.UTC(2026, 9, 20) + id * 1000).toISOString(),
  })
  const inStep = async (tenant: Tenant) => expect(await stored(tenant)).toEqual(expected())

  it('what is there is read, what changes is told, and both give the same events', async () => {
    for (let id = 1; id <= 2300; id += 1) supabase.write('habit_checks', check(id))
    const tenant = await tenantWith({})
    await startWorker()
    await eventually(() => inStep(tenant))
    supabase.write('goals', { id: 1, user_id: 'm-1', status: 'active' })
    supabase.write('goals', completed(1))
    supabase.write('habit_checks', check(2301))
    await eventually(() => inStep(tenant))
    const found = await status(tenant)
    expect(found).toMatchObject({ state: 'running', failed: 0, errors: 0, accepted: 2303 })
    expect(found?.lag_seconds).toBeLessThan(30)
  })

  it('what changes while the connection is lost is read from the tables', async () => {
    const tenant = await tenantWith({})
    await startWorker()
    supabase.write('habit_checks', check(1))
    await eventually(() => inStep(tenant))
    supabase.faults.refuseJoins = 'not now'
    supabase.drop()
    for (let id = 2; id < 30; id += 1) supabase.write('habit_checks', check(id))
    await eventually(async () => expect((await status(tenant))?.last_error).toMatch(/not now/))
    expect((await stored(tenant)).length).toBe(1)
    supabase.faults.refuseJoins = undefined
    await eventually(() => inStep(tenant))
  })

  it.each([
    ['leaves changes out', 'swallow'],
    ['tells changes without their values', 'withoutValues'],
  ] as const)('when Realtime %s, the rows are read', async (_, fault) => {
    const tenant = await tenantWith(fault === 'swallow' ? { sweep_seconds: 1 } : {})
    await startWorker()
    supabase.write('habit_checks', check(1))
    await eventually(() => inStep(tenant))
    supabase.faults[fault] = true
    for (let id = 2; id < 8; id += 1) supabase.write('habit_checks', check(id))
    await eventually(() => inStep(tenant))
    expect(await status(tenant)).toMatchObject({ errors: 0, failed: 0 })
  })

  it('connections and workers that end at random points lose nothing and double nothing', async () => {
    for (let seed = 1; seed <= 3; seed += 1) {
      const pick = seeded(seed)
      for (const table of supabase.rows.keys()) while (supabase.rows.get(table)?.pop());
      const tenant = await tenantWith({ overlap_seconds: 10 })
      let worker = await startWorker()
      for (let id = 1; id <= 60; id += 1) {
        supabase.write('habit_checks', check(id))
        if (id % 4 === 0) supabase.write('goals', { id, user_id: `m-${id % 5}`, status: 'active' })
        if (id % 8 === 0) supabase.write('goals', completed(id - 4 * pick(2)))
        const fate = pick(12)
        if (fate === 0) supabase.drop()
        if (fate === 1) {
          await worker.close()
          running.delete(worker)
          worker = await startWorker()
        }
        if (fate === 2) supabase.faults.swallow = !supabase.faults.swallow
        if (fate > 8) await new Promise((resolve) => setTimeout(resolve, pick(40)))
      }
      // What was swallowed last is met at the next connection.
      supabase.faults.swallow = false
      supabase.drop()
      await eventually(() => inStep(tenant))
      expect((await status(tenant))?.failed, `seed ${seed}`).toBe(0)
      await worker.close()
      running.delete(worker)
      await database.pool.query(`update analytics.tenants set settings = '{}' where id = $1`, [tenant.id])
    }
  })

  it(`worker process, engine and websocket server are killed ${KILLS} times: after each, every row counts once`, {
    timeout: KILLS_TIMEOUT,
  }, async () => {
    const tenant = await tenantWith({ overlap_seconds: 10, heartbeat_seconds: 1 })
    let id = 0
    await surviveKills({
      database,
      tenant,
      source: 'supabase_realtime',
      async produce(pick) {
        for (let left = 20 + pick(30); left > 0; left -= 1) {
          id += 1
          supabase.write('habit_checks', check(id))
          if (id % 4 === 0) supabase.write('goals', { id, user_id: `m-${id % 5}`, status: 'active' })
          if (id % 8 === 0) supabase.write('goals', completed(id - 4 * pick(2)))
          if (pick(4) === 0) await new Promise((resolve) => setTimeout(resolve, pick(40)))
        }
      },
      inStep: () => inStep(tenant),
      crashBroker: (pick) => supabase.crash(pick(300)),
    })
    expect((await status(tenant))?.failed).toBe(0)
    await database.pool.query(`update analytics.tenants set settings = '{}' where id = $1`, [tenant.id])
  })

  const event = (id: string) => ({
    event_id: id,
    type: 'session_heartbeat',
    occurred_at: '2026-10-01T10:00:00.000Z',
    user_id: 'm-1',
  })

  it('broadcasts that are events count once; missed ones are replayed; others are quarantined', async () => {
    const tenant = await tenantWith({ tables: undefined, broadcast_topic: 'analytics', overlap_seconds: 60 })
    await startWorker()
    await eventually(async () => expect(supabase.connections()).toBe(1))
    await eventually(async () => {
      supabase.broadcast('analytics', event('first'))
      expect(await stored(tenant)).toHaveLength(1)
    })
    supabase.faults.refuseJoins = 'not now'
    supabase.drop()
    supabase.broadcast('analytics', { events: [event('missed-1'), event('missed-2')] })
    supabase.faults.refuseJoins = undefined
    await eventually(async () => expect(await stored(tenant)).toHaveLength(3))
    const before = (await status(tenant))?.failed ?? 0
    supabase.broadcast('analytics', { hello: 'ada@example.com' })
    await eventually(async () => expect((await status(tenant))?.failed).toBe(before + 1))
    const { rows } = await database.pool.query<{ line: string }>(
      'select body::text || errors::text as line from analytics.quarantine where tenant_id = $1',
      [tenant.id],
    )
    expect(rows[0]?.line).toContain('unreadable_message')
    expect(rows[0]?.line).not.toContain('ada@')
  })

  it('a connection outlives its tokens: new ones are sent with the heartbeats', async () => {
    const settings = { token_seconds: 4, heartbeat_seconds: 0.3 }
    const tenant = await tenantWith(settings, { jwt_secret: JWT_SECRET })
    await startWorker()
    await eventually(async () => expect(new Set(supabase.tokens).size).toBeGreaterThan(2))
    supabase.write('habit_checks', check(1))
    await eventually(() => inStep(tenant))
    expect(supabase.tokens).not.toContain(KEY)
    expect(await status(tenant)).toMatchObject({ state: 'running', errors: 0 })
  })

  it('a server that does not answer heartbeats is left, and found again', async () => {
    const tenant = await tenantWith({ heartbeat_seconds: 0.2 })
    await startWorker()
    supabase.write('habit_checks', check(1))
    await eventually(() => inStep(tenant))
    supabase.faults.answerHeartbeats = false
    await eventually(async () => expect((await status(tenant))?.last_error).toMatch(/heartbeat/))
    supabase.faults.answerHeartbeats = true
    supabase.write('habit_checks', check(2))
    await eventually(() => inStep(tenant))
  })

  it('wrong keys and tables that nobody maps are an error that says so, without the key', async () => {
    const wrong = await tenantWith({}, { key: 'sb_secret_wrong_and_hidden' })
    const unmapped = await tenantWith({ tables: 'invoices' })
    await startWorker()
    await eventually(async () => expect((await status(wrong))?.state).toBe('failing'))
    await eventually(async () => expect((await status(unmapped))?.last_error).toMatch(/invoices is in no mapping/))
    expect(JSON.stringify(await status(wrong))).not.toContain('wrong_and_hidden')
  })
})
