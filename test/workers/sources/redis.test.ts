import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeSecret } from '../../../db/secrets.ts'
import { sourceStatus } from '../../../db/sources/runners.ts'
import { createTenant, type Tenant } from '../../../db/tenant.ts'
import { updateTenant } from '../../../db/tenant-settings.ts'
import { sources } from '../../../workers/sources/catalog.ts'
import { consumeGroup, type Entry } from '../../../workers/sources/redis-group.ts'
import { startSources } from '../../../workers/sources/start.ts'
import { openTestDatabase, type TestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { KILLS, KILLS_TIMEOUT, surviveKills } from './kills.ts'
import { hasRedisServer, type RedisServer, startRedisServer } from './support.ts'
import { masterKey } from './worker-process-env.ts'

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }

describe.skipIf(!hasRedisServer)('Redis streams (skipped without redis-server)', () => {
  let database: TestDatabase
  let redis: RedisServer
  beforeAll(async () => {
    database = await openTestDatabase()
    redis = await startRedisServer()
  })
  afterAll(async () => {
    await redis.stop()
    await database.close()
  })

  const tenantWith = async (source: string, settings: Record<string, unknown>): Promise<Tenant> => {
    const entries = Object.entries({ ...settings, enabled: true }).map(([name, value]) => [
      `source.${source}.${name}`,
      value,
    ])
    const tenant = await createTenant(database.pool, {
      slug: `t-${randomUUID()}`,
      timezone: 'UTC',
      currency: 'USD',
      settings: Object.fromEntries(entries),
    })
    await writeSecret(database.pool, masterKey, tenant.id, `source.${source}.url`, redis.url)
    return tenant
  }
  const off = (tenant: Tenant, source: string) =>
    updateTenant(database.pool, tenant.slug, { settings: { [`source.${source}.enabled`]: null } })
  const counts = async ({ id }: Tenant) => {
    const { rows } = await database.pool.query<{ type: string; events: number }>(
      'select type, count(*) as events from analytics.events where tenant_id = $1 group by 1 order by 1',
      [id],
    )
    return Object.fromEntries(rows.map(({ type, events }) => [type, events]))
  }
  const status = async ({ slug }: Tenant) => (await sourceStatus(database.pool)).find(({ tenant }) => tenant === slug)
  const run = () =>
    startSources({
      database,
      masterKey,
      logger: silent,
      accepted: () => undefined,
      sources,
      scanMs: 100,
      leaseSeconds: 5,
      backoffMs: 50,
    })

  const view = (n: number) => ({
    event_id: `e-${n}`,
    type: 'screen_viewed',
    occurred_at: new Date(Date.UTC(2026, 9, 1) + n * 1000).toISOString(),
    user_id: `member-${n % 7}`,
    properties: { screen: 'home' },
  })

  it('events come as JSON, as a list or as plain fields; what is none is kept in the quarantine, and the stream is trimmed', async () => {
    const stream = `events:${randomUUID()}`
    const tenant = await tenantWith('redis_events', { streams: stream, trim: true })
    const { client } = redis
    await client.xadd(stream, '*', 'event', JSON.stringify(view(1)))
    await client.xadd(stream, '*', 'events', JSON.stringify([view(2), view(3)]))
    const { event_id: _, properties, ...flat } = view(4)
    await client.xadd(stream, '*', ...Object.entries(flat).flat(), 'properties', JSON.stringify(properties))
    await client.xadd(stream, '*', 'event', '{"user_id": "ada@example.com"')
    await client.xadd(stream, '*', 'event', JSON.stringify({ ...view(5), user_id: 'ada@example.com' }))
    const running = await run()
    await eventually(async () =>
      expect(await status(tenant)).toMatchObject({ processed: 5, accepted: 4, failed: 2, errors: 0, state: 'running' }),
    )
    expect(await counts(tenant)).toEqual({ screen_viewed: 4 })
    expect((await client.xpending(stream, 'upcoach-analytics'))[0]).toBe(0)
    await running.close()
    // The next start keeps house: everything is settled but for the last entry, which bounds what was read.
    const again = await run()
    await eventually(async () => expect(await client.xlen(stream)).toBe(1))
    expect(await status(tenant)).toMatchObject({ processed: 5, accepted: 4 })
    await off(tenant, 'redis_events')
    await again.close()
  })

  it('changes that Debezium wrote become events, in both message formats, found by pattern, counted once however often they come', async () => {
    const prefix = `db-${randomUUID()}`
    const tenant = await tenantWith('oltp_redis', { streams: `${prefix}.public.*` })
    const created = '2026-10-01T08:00:00.000Z'
    const row = {
      id: 1,
      user_id: 'member-1',
      status: 'active',
      created_at: created,
      updated_at: created,
      completed_at: null,
    }
    const done = { ...row, status: 'completed', completed_at: 1_790_000_000_000_000 }
    const change = (op: string, after: object | null, before: object | null = null) =>
      JSON.stringify({ before, after, source: { schema: 'public', table: 'goals', ts_ms: 1_790_000_000_100 }, op })
    const { client } = redis
    const stream = `${prefix}.public.goals`
    const key = JSON.stringify({ id: 1 })
    await client.xadd(stream, '*', key, change('c', row))
    await client.xadd(stream, '*', 'key', key, 'value', `{"schema":{},"payload":${change('u', done, row)}}`)
    await client.xadd(stream, '*', key, change('r', done))
    await client.xadd(stream, '*', key, 'default')
    await client.xadd(stream, '*', key, '{"broken":')
    const running = await run()
    await eventually(async () =>
      expect(await status(tenant)).toMatchObject({ processed: 5, accepted: 2, duplicates: 3, failed: 1 }),
    )
    expect(await counts(tenant)).toEqual({ goal_completed: 1, goal_created: 1 })
    await off(tenant, 'oltp_redis')
    await running.close()
  })

  it('an entry that breaks the work is kept in the quarantine after its last try; those around it are not', async () => {
    const stream = `poison:${randomUUID()}`
    for (let n = 0; n < 10; n += 1) await redis.client.xadd(stream, '*', 'n', String(n))
    const settled: string[] = []
    const quarantined: string[] = []
    const tries = new Map<string, number>()
    const options = { url: redis.url, streams: [stream], group: 'g', batch: 100, maxDeliveries: 3, trim: false }
    const attempt = async () => {
      const stop = new AbortController()
      const map = (entries: readonly Entry[]) => ({ events: entries.map(({ fields }) => fields[1]) })
      await consumeGroup(
        options,
        {
          tenant: { slug: 't' } as Tenant,
          signal: stop.signal,
          lag: () => stop.abort(),
          logger: silent,
          async accept({ events, rejected = [] }) {
            for (const n of events) tries.set(String(n), (tries.get(String(n)) ?? 0) + 1)
            if (events.includes('4')) throw new TypeError('cannot read this')
            settled.push(...events.map(String))
            quarantined.push(...rejected.map(({ code }) => code))
            return { accepted: events.length, duplicates: 0, rejected: 0, errors: [], conflicts: [] }
          },
        },
        map,
      )
    }
    const failures = []
    for (let i = 0; i < 8; i += 1) await attempt().catch((error: Error) => failures.push(error))
    expect(quarantined).toEqual(['poison_message'])
    expect(settled.sort()).toEqual(['0', '1', '2', '3', '5', '6', '7', '8', '9'])
    expect(tries.get('4')).toBe(4)
    expect(failures.length).toBe(3)
  })

  it('a database that is away does not make poison of anything', async () => {
    const stream = `patience:${randomUUID()}`
    await redis.client.xadd(stream, '*', 'n', '1')
    const options = { url: redis.url, streams: [stream], group: 'g', batch: 100, maxDeliveries: 2, trim: false }
    const settled: unknown[] = []
    for (let i = 0; i < 6; i += 1) {
      const stop = new AbortController()
      await consumeGroup(
        options,
        {
          tenant: { slug: 't' } as Tenant,
          signal: stop.signal,
          lag: () => stop.abort(),
          logger: silent,
          async accept({ events, rejected = [] }) {
            if (i < 5) throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
            settled.push(...events, ...rejected)
            return { accepted: 1, duplicates: 0, rejected: 0, errors: [], conflicts: [] }
          },
        },
        (entries) => ({ events: entries.map(({ fields }) => fields[1]) }),
      ).catch(() => undefined)
    }
    expect(settled).toEqual(['1'])
  })

  const waiting = async (stream: string) => (await redis.client.xpending(stream, 'upcoach-analytics'))[0]

  it(`events: consumer, broker and engine are killed ${KILLS} times: after each, nothing is lost and nothing doubled`, {
    timeout: KILLS_TIMEOUT,
  }, async () => {
    const stream = `killed:${randomUUID()}`
    const tenant = await tenantWith('redis_events', { streams: stream, batch: 7, max_deliveries: 50 })
    let sent = 0
    await surviveKills({
      database,
      tenant,
      source: 'redis_events',
      async produce(pick) {
        const pipeline = redis.client.pipeline()
        for (let left = 20 + pick(20); left > 0; left -= 1) {
          sent += 1
          pipeline.xadd(stream, '*', 'event', JSON.stringify(view(sent)))
        }
        await pipeline.exec()
      },
      async inStep() {
        expect(await counts(tenant)).toEqual({ screen_viewed: sent })
        expect(await waiting(stream)).toBe(0)
      },
      crashBroker: () => redis.crash(),
    })
    expect(await status(tenant)).toMatchObject({ failed: 0 })
    await off(tenant, 'redis_events')
  })

  it(`Debezium's streams: consumer, broker and engine are killed ${KILLS} times: after each, every row counts once`, {
    timeout: KILLS_TIMEOUT,
  }, async () => {
    const prefix = `killed-${randomUUID()}`
    const tenant = await tenantWith('oltp_redis', { streams: `${prefix}.public.*`, batch: 7, max_deliveries: 50 })
    let rows = 0
    const mood = (id: number, op: string) => {
      const created_at = (Date.UTC(2026, 9, 1) + id * 1000) * 1000
      const after = { id, user_id: `m${id % 5}`, score: 3, created_at }
      const source = { schema: 'public', table: 'mood_entries', ts_ms: created_at / 1000 }
      return JSON.stringify({ before: null, after, source, op })
    }
    const stream = `${prefix}.public.mood_entries`
    // Streams that are new are looked for every 30 s.
    await redis.client.xadd(stream, '*', 'key', 'default')
    await surviveKills({
      database,
      tenant,
      source: 'oltp_redis',
      async produce(pick) {
        const pipeline = redis.client.pipeline()
        for (let left = 20 + pick(20); left > 0; left -= 1) {
          rows += 1
          pipeline.xadd(stream, '*', `{"id":${rows}}`, mood(rows, 'c'))
          // Debezium delivers at least once, too, and may read its tables again.
          if (pick(5) === 0) pipeline.xadd(stream, '*', `{"id":${rows}}`, mood(1 + pick(rows), 'r'))
        }
        await pipeline.exec()
      },
      async inStep() {
        expect(await counts(tenant)).toEqual({ mood_logged: rows })
        expect(await waiting(stream)).toBe(0)
      },
      crashBroker: () => redis.crash(),
    })
    expect(await status(tenant)).toMatchObject({ failed: 0 })
    await off(tenant, 'oltp_redis')
  })
})
