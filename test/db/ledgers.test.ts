import fc from 'fast-check'
import { DateTime } from 'luxon'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { acceptEvents } from '../../db/accept-events.ts'
import { aggregates, refreshTouched } from '../../db/aggregates.ts'
import { foldDirty } from '../../db/ledgers.ts'
import { periodRange } from '../../db/period.ts'
import { readMetric } from '../../db/reader.ts'
import { createTenant, type Tenant, withTenant } from '../../db/tenant.ts'
import { metrics } from '../../metrics/catalog.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'
import { ledgerRows, ledgerTables } from '../support/ledger-rows.ts'
import { type Delivery, deliveries, type Interlude, memberLogs, type SentEvent, zones } from '../support/member-logs.ts'

const RUNS = Number(process.env.LEDGER_RUNS ?? 30)
const piiKey = Buffer.alloc(32, 3)

let db: TestDatabase
let tables: string[]
let created = 0
beforeAll(async () => {
  db = await openTestDatabase()
  tables = await ledgerTables(db.pool)
})
afterAll(() => db.close())

const newTenant = (timezone: string, settings: Record<string, unknown> = {}): Promise<Tenant> => {
  created += 1
  return createTenant(db.pool, {
    slug: `tenant-${created}`,
    timezone,
    currency: 'EUR',
    settings: { retention_months: 1200, ...settings },
  })
}
const send = (tenant: Tenant, events: readonly SentEvent[]) => acceptEvents(db.pool, { tenant, piiKey }, { events })
async function foldAll(): Promise<void> {
  while ((await foldDirty(db.pool)).members > 0);
}

/** Every metric over the whole log: by its finest and coarsest granularity, and by coach. */
async function allMetrics(tenant: Tenant): Promise<unknown> {
  const answers: Record<string, unknown> = {}
  const now = DateTime.utc()
  await withTenant(db.pool, tenant.id, async (client) => {
    for (const metric of metrics) {
      const finest = metric.granularities[0] ?? 'day'
      const coarsest = metric.granularities.at(-1) ?? 'day'
      for (const [granularity, groupBy] of [[finest], [coarsest], [coarsest, 'coach']] as const) {
        if (groupBy !== undefined && !metric.dimensions.includes(groupBy)) continue
        const range = periodRange(now.minus({ days: 53 }).toISODate(), now.toISODate(), granularity, tenant.timezone)
        answers[`${metric.name} ${granularity} ${groupBy}`] = await readMetric(client, metric, { range, groupBy }, now)
      }
    }
  })
  return JSON.parse(JSON.stringify(answers), (_, value) =>
    typeof value === 'number' ? Math.round(value * 1e9) / 1e9 : value,
  )
}

/** Delivers a log to one tenant in order, to another as told, and compares everything kept about the members. */
async function compare(
  log: readonly SentEvent[],
  sent: readonly Delivery[],
  zone: string,
  settings: Record<string, unknown> = {},
): Promise<[Tenant, Tenant]> {
  const sorted = await newTenant(zone, settings)
  const shuffled = await newTenant(zone, settings)
  await send(sorted, log)
  await foldAll()
  for (const { events, interlude } of sent) {
    await send(shuffled, events)
    if (interlude === 'fold one') await foldDirty(db.pool, { limit: 1 })
    if (interlude === 'fold all') await foldAll()
  }
  await foldAll()
  expect(await ledgerRows(db.pool, tables, shuffled.id)).toEqual(await ledgerRows(db.pool, tables, sorted.id))
  return [sorted, shuffled]
}

describe('ledgers are pure folds', () => {
  const pairs: [Tenant, Tenant][] = []

  test('any order, repetition and batching of a log, folded at any moment, gives the ledgers of the sorted log', async () => {
    const scenario = memberLogs({ members: 3, steps: 14 }).chain((log) =>
      fc.record({ log: fc.constant(log), sent: deliveries(log), zone: fc.constantFrom(...zones) }),
    )
    const deadline = Date.now() + Number(process.env.LEDGER_SECONDS ?? 60) * 1_000
    await fc.assert(
      fc.asyncProperty(scenario, async ({ log, sent, zone }) => {
        // Bounds the search for a smaller example, too; fast-check's own limit would not wait for the running one.
        if (Date.now() > deadline) return
        pairs.push(await compare(log, sent, zone))
      }),
      { numRuns: RUNS },
    )
    // A machine too slow to compare anything must not look like one on which everything was equal.
    expect(pairs.length).toBeGreaterThanOrEqual(3)
  }, 180_000)

  const at = (time: string, event_id: string, type: string, properties = {}): SentEvent => ({
    event_id,
    type,
    occurred_at: `2025-${time}:00.000Z`,
    user_id: 'member-1',
    properties,
  })
  const inReverse = (log: readonly SentEvent[], interlude: Interlude): Delivery[] =>
    [...log].reverse().map((event) => ({ events: [event], interlude }))

  test.each<[string, SentEvent[]]>([
    [
      'a signup day that moves to the month before, within the same week',
      [
        at('09-30T10:00', 'a', 'screen_viewed', { screen: 'x' }),
        at('10-02T10:00', 'b', 'screen_viewed', { screen: 'x' }),
      ],
    ],
    [
      'a system event before the member did anything',
      [
        at('09-30T10:00', 'a', 'profile_changed', { plan: 'pro' }),
        at('10-02T10:00', 'b', 'screen_viewed', { screen: 'x' }),
      ],
    ],
    [
      'two events stored before anything was known of the member',
      [
        at('09-30T10:00', 'a', 'goal_created', { goal_id: 'g' }),
        at('09-30T11:00', 'b', 'goal_completed', { goal_id: 'g' }),
      ],
    ],
  ])('%s', async (_, log) => {
    await compare(log, inReverse(log, 'fold all'), 'Europe/Berlin')
    await compare(log, [...inReverse(log, 'nothing'), { events: [], interlude: 'fold one' }], 'Europe/Berlin')
  })

  test('a late answer counts under the coach at the asking, also when the fold begins between the two', async () => {
    const conversation = { conversation_id: 'c' }
    const between = at('10-04T10:00', 'd', 'profile_changed', { plan: 'pro' })
    const log = [
      at('10-01T10:00', 'a', 'message_sent', { ...conversation, sender: 'member' }),
      at('10-03T10:00', 'b', 'signed_up', { coach_id: 'coach-1' }),
      between,
      at('10-05T10:00', 'c', 'message_sent', { ...conversation, sender: 'coach', coach_id: 'coach-1' }),
    ]
    const [, tenant] = await compare(
      log,
      [
        { events: log.filter((event) => event !== between), interlude: 'fold all' },
        { events: [between], interlude: 'fold all' },
      ],
      'UTC',
    )
    const { rows } = await db.pool.query(
      'select delta, coach_id from analytics.sla_changes where tenant_id = $1 order by at',
      [tenant.id],
    )
    expect(rows).toEqual([
      { delta: 1, coach_id: '' },
      { delta: -1, coach_id: '' },
    ])
  })

  const view = (time: string) => at(`10-02T${time}`, time.replace(':', '-'), 'screen_viewed', { screen: 'x' })
  const hourOf = async (tenant: Tenant) =>
    (
      await db.pool.query<{ actions: number; active_seconds: number }>(
        'select actions, active_seconds from analytics.member_hours where tenant_id = $1',
        [tenant.id],
      )
    ).rows

  test('what comes after all that an hour and a session count is added to them; what comes between makes them be counted anew', async () => {
    const tenant = await newTenant('UTC')
    await send(tenant, [view('10:00'), view('10:02')])
    await foldAll()
    // What nobody can count tells whether the events before were read again.
    await db.pool.query(
      'update analytics.member_hours set active_seconds = active_seconds + 7000 where tenant_id = $1',
      [tenant.id],
    )
    await send(tenant, [view('10:03')])
    await foldAll()
    expect(await hourOf(tenant)).toEqual([{ actions: 3, active_seconds: 7180 }])
    await send(tenant, [view('10:01')])
    await foldAll()
    expect(await hourOf(tenant)).toEqual([{ actions: 4, active_seconds: 180 }])
    const sessions = await db.pool.query('select events, active_seconds from analytics.sessions where tenant_id = $1', [
      tenant.id,
    ])
    expect(sessions.rows).toEqual([{ events: 4, active_seconds: 180 }])
  })

  test('an hour counted by an earlier version, which kept no last action, is counted anew', async () => {
    const tenant = await newTenant('UTC')
    await send(tenant, [view('10:00'), view('10:02')])
    await foldAll()
    await db.pool.query(
      'update analytics.member_hours set last_at = null, active_seconds = active_seconds + 7000 where tenant_id = $1',
      [tenant.id],
    )
    await send(tenant, [view('10:03')])
    await foldAll()
    expect(await hourOf(tenant)).toEqual([{ actions: 3, active_seconds: 180 }])
  })

  test('an hour counted in a zone whose hours began at other minutes is counted anew after the tenant moved', async () => {
    const tenant = await newTenant('Asia/Kathmandu')
    await send(tenant, [view('10:50'), view('10:58')])
    await foldAll()
    await db.pool.query("update analytics.tenants set timezone = 'UTC' where id = $1", [tenant.id])
    await send({ ...tenant, timezone: 'UTC' }, [view('11:02')])
    await foldAll()
    const { rows } = await db.pool.query(
      `select sum(actions)::integer as actions, sum(sessions)::integer as sessions, sum(active_seconds) as active_seconds
       from analytics.member_hours where tenant_id = $1`,
      [tenant.id],
    )
    expect(rows).toEqual([{ actions: 3, sessions: 1, active_seconds: 240 }])
  })

  test('an event that a fold sees before its mark is there counts once', async () => {
    const tenant = await newTenant('UTC')
    const log = ['10:00', '10:02', '10:03', '10:04', '10:06'].map(view)
    const sorted = await newTenant('UTC')
    await send(sorted, log)
    await foldAll()
    const [first, second, third, fourth, fifth] = log.map((event) => [event])
    const marks = async (events: readonly SentEvent[] | undefined, isMarked: boolean) => {
      await send(tenant, events ?? [])
      if (isMarked) return foldAll()
      const { rows } = await db.pool.query(
        'delete from analytics.dirty_members where tenant_id = $1 returning user_id, types, since',
        [tenant.id],
      )
      return rows
    }
    await marks(first, true)
    const late = [...((await marks(second, false)) ?? []), ...((await marks(fourth, false)) ?? [])]
    await marks(third, true)
    for (const { user_id, types, since } of late)
      await db.pool.query(
        'insert into analytics.dirty_members (tenant_id, user_id, types, since) values ($1, $2, $3, $4)',
        [tenant.id, user_id, types, since],
      )
    await foldAll()
    await marks(fifth, true)
    expect(await hourOf(tenant)).toMatchObject([{ actions: 5 }])
    expect(await ledgerRows(db.pool, tables, tenant.id)).toEqual(await ledgerRows(db.pool, tables, sorted.id))
  })

  test.each([
    { gap: 30, every: 29, events: 120 },
    { gap: 60, every: 60, events: 60 },
    { gap: 120, every: 120, events: 30 },
  ])(
    'a session of days, with an action every $every minutes, is one whenever it is folded',
    async ({ gap, every, events }) => {
      const first = Date.parse('2025-10-01T07:00:00Z')
      const log = Array.from({ length: events }, (_, i) => ({
        ...at('10-01T07:00', `long-${i}`, 'screen_viewed', { screen: 'x' }),
        occurred_at: new Date(first + i * every * 60_000).toISOString(),
      }))
      const sent: Delivery[] = []
      for (let i = 0; i < log.length; i += 10) sent.push({ events: log.slice(i, i + 10), interlude: 'fold all' })
      const [, tenant] = await compare(log, sent, 'Asia/Kathmandu', { session_gap_minutes: gap })
      const { rows } = await db.pool.query('select events from analytics.sessions where tenant_id = $1', [tenant.id])
      expect(rows).toEqual([{ events }])
    },
  )

  test('folding everything again changes nothing', async () => {
    const before = await Promise.all(pairs.slice(0, 5).map(([, tenant]) => ledgerRows(db.pool, tables, tenant.id)))
    await db.pool.query(
      `insert into analytics.dirty_members (tenant_id, user_id, types, since)
      select tenant_id, user_id, array_agg(distinct type), min(occurred_at) from analytics.events
      where tenant_id = any($1) group by 1, 2`,
      [pairs.slice(0, 5).map(([, tenant]) => tenant.id)],
    )
    await db.pool.query('delete from analytics.touched_ranges')
    await foldAll()
    const after = await Promise.all(pairs.slice(0, 5).map(([, tenant]) => ledgerRows(db.pool, tables, tenant.id)))
    expect(after).toEqual(before)
    const touched = await db.pool.query('select source, from_at, to_at from analytics.touched_ranges')
    expect(touched.rows).toEqual([])
  })

  test('the metrics are the same too', async () => {
    const everything = { from: new Date(Date.now() - 60 * 86_400_000), to: new Date() }
    await db.pool.query(
      `insert into analytics.touched_ranges (source, from_at, to_at, tenant_ids)
       select source, $1, $2, '{}' from unnest($3::text[]) source`,
      [everything.from, everything.to, [...new Set(aggregates.map((aggregate) => aggregate.source))]],
    )
    await refreshTouched(db.pool)
    for (const [sorted, shuffled] of pairs.slice(-1))
      expect(await allMetrics(shuffled)).toEqual(await allMetrics(sorted))
  }, 120_000)
})

test('one fold may concern more tenants than one notification can name', async () => {
  const { rows } = await db.pool.query<{ id: string }>(
    `insert into analytics.tenants (slug, name) select 'many-' || n, 'many' from generate_series(1, 300) n returning id`,
  )
  await db.pool.query(
    `insert into analytics.dirty_members (tenant_id, user_id, types, since) select id, 'm', '{screen_viewed}', now() from unnest($1::uuid[]) id`,
    [rows.map(({ id }) => id)],
  )
  expect(await foldDirty(db.pool)).toEqual({ members: 300 })
})
