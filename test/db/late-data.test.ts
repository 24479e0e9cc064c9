import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { aggregates, refreshTouched } from '../../db/aggregates.ts'
import { foldDirty } from '../../db/ledgers.ts'
import type { Tenant } from '../../db/tenant.ts'
import { metrics } from '../../metrics/catalog.ts'
import { startWorkers } from '../../workers/start.ts'
import { busyTenant } from '../support/busy-tenant.ts'
import { eventually } from '../support/eventually.ts'
import type { SentEvent } from '../support/member-logs.ts'
import { testObjects } from '../support/objects.ts'
import { Oracle } from '../support/oracle.ts'
import { openPlatform, type Platform } from '../support/platform.ts'

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }
const HOUR = 3_600_000
const DAY = 24 * HOUR
const now = Date.now()
const zone = 'Europe/Berlin'
const day = (ago: number): string => new Date(now - ago * DAY).toISOString().slice(0, 10)

let platform: Platform
let late: Tenant
let other: Tenant
const onTime = busyTenant({ end: now, mark: 'x' })

/** What a phone that was offline from 45 to 25 days ago delivers at last, newest first, some of it twice. */
function offlinePhone(): SentEvent[] {
  const events: SentEvent[] = []
  for (let ago = 45; ago > 24; ago -= 1) {
    const add = (minutes: number, type: string, properties: Record<string, unknown>, session_id = `late-${ago}`) =>
      events.push({
        event_id: `late-${ago}-${minutes}`,
        type,
        occurred_at: new Date(Math.floor(now / DAY - ago) * DAY + minutes * 60_000).toISOString(),
        user_id: 'member-1',
        session_id,
        properties,
      })
    add(600, 'session_started', {})
    add(602, 'habit_checked', { habit_id: 'habit-1' })
    add(604, 'habit_checked', { habit_id: 'habit-2' })
    if (ago % 2 === 0) add(606, 'message_sent', { conversation_id: 'chat-1', sender: 'member' })
    if (ago % 3 === 0) add(660, 'message_sent', { conversation_id: 'chat-1', sender: 'coach', coach_id: 'coach-2' })
    if (ago % 5 === 0) add(607, 'goal_created', { goal_id: `late-goal-${ago}` })
    if (ago % 5 === 2) add(608, 'goal_completed', { goal_id: `late-goal-${ago + 3}` })
    if (ago === 35) add(300, 'profile_changed', { plan: 'late-plan' })
  }
  return [...events.reverse(), ...events.slice(0, 10)]
}

type Hashes = Map<string, string>

/** One hash per aggregate, tenant and bucket, over the rows as they are stored and read. */
async function hashes(tenant: Tenant): Promise<Hashes> {
  const found: Hashes = new Map()
  for (const { name, localDays } of aggregates) {
    const { rows } = await platform.db.pool.query<{ bucket: string; hash: string }>(
      `select ${localDays ? 'day' : 'bucket'}::date as bucket, md5(string_agg(a::text, '|' order by a::text)) as hash
       from analytics.${name} a where tenant_id = $1 group by 1`,
      [tenant.id],
    )
    for (const { bucket, hash } of rows) found.set(`${name} ${bucket}`, hash)
  }
  return found
}

const differing = (a: Hashes, b: Hashes): string[] =>
  [...new Set([...a.keys(), ...b.keys()])].filter((key) => a.get(key) !== b.get(key)).sort()

/** Every metric by day and by its coarsest period, the heat map and the retention triangle, as the API answers. */
async function answers(tenant: Tenant): Promise<Record<string, unknown>> {
  const range = `from=${day(66)}&to=${day(1)}`
  const paths = [
    ...metrics
      .filter(({ category }) => category !== 'revenue')
      .flatMap(({ name, granularities, dimensions }) => [
        `/metrics/${name}?${range}&granularity=${granularities.find((one) => one !== 'hour')}`,
        `/metrics/${name}?${range}&granularity=${granularities.at(-1)}&group_by=${dimensions[0]}`,
      ]),
    `/engagement/heatmap?${range}`,
    `/cohorts?${range}&cohort=week&unit=day&units=30`,
    `/cohorts?${range}&mode=rolling`,
    `/cohorts?${range}&mode=recurring&unit=week`,
    `/coaches?${range}`,
  ]
  const found: Record<string, unknown> = {}
  for (const path of paths) {
    const answer = await platform.get(tenant, `/api/analytics${path}`)
    expect(answer.status, `${path}: ${answer.text}`).toBe(200)
    found[path] = JSON.parse(answer.text, (key, value) =>
      key === 'fresh_until' ? null : typeof value === 'number' ? Number(value.toPrecision(12)) : value,
    )
  }
  return found
}

const openMarks = async () =>
  (
    await platform.db.pool.query(
      `select source, from_at, to_at from analytics.touched_ranges where to_at < now() - interval '36 hours'
       union all select 'dirty', since, since from analytics.dirty_members`,
    )
  ).rows

beforeAll(async () => {
  platform = await openPlatform()
  late = await platform.createTenant({ slug: 'late', timezone: zone })
  other = await platform.createTenant({ slug: 'other', timezone: zone })
  for (const tenant of [late, other]) await platform.send(tenant, onTime)
  await platform.settle()
  // The days concerned are compressed by the time the phone is back.
  await platform.db.pool.query(
    `select compress_chunk(format('%I.%I', chunk_schema, chunk_name)::regclass) from timescaledb_information.chunks
     where hypertable_schema = 'analytics' and hypertable_name = 'events' and range_end < now() - interval '28 days'`,
  )
}, 240_000)
afterAll(() => platform.close())

describe('three weeks of events that arrive late', () => {
  const sent = offlinePhone()
  let before: { late: Hashes; other: Hashes }

  test('are counted by the workers within a minute after they were sent, and leave no work behind', async () => {
    before = { late: await hashes(late), other: await hashes(other) }
    const workers = await startWorkers({
      config: {},
      database: platform.db,
      objects: testObjects(platform.db),
      secrets: { masterKey: platform.masterKey },
      logger: silent,
    })
    try {
      await eventually(async () => expect(await openMarks()).toEqual([]), 30_000)
      const started = Date.now()
      expect(await platform.send(late, sent)).toMatchObject({ duplicates: 10, rejected: 0 })
      workers.nudge()
      await eventually(async () => expect(await openMarks()).toEqual([]), 60_000)
      expect(Date.now() - started).toBeLessThan(60_000)
    } finally {
      await workers.close()
    }
    // nothing is left to do; what was cached before is forgotten
    await platform.settle()
  }, 150_000)

  test('give every day, streak, percentile and cohort cell as if they had come in time', async () => {
    const inTime = await platform.createTenant({ slug: 'in-time', timezone: zone })
    const all = [...onTime, ...sent.slice(0, -10)].sort((a, b) => (a.occurred_at < b.occurred_at ? -1 : 1))
    await platform.send(inTime, all)
    await platform.settle()
    expect(await answers(late)).toEqual(await answers(inTime))
    const { oracle } = { oracle: new Oracle(all, zone) }
    const wau = await platform.get<{ series: { points: { t: string; value: number }[] }[] }>(
      late,
      `/api/analytics/metrics/wau?from=${day(66)}&to=${day(1)}&granularity=day`,
    )
    for (const { t, value } of wau.body.series[0]?.points ?? []) expect.soft(value, t).toBe(oracle.activeInWindow(t, 7))
  }, 120_000)

  test('change no other tenant, no day before them, and after them only what looks back', async () => {
    expect(differing(before.other, await hashes(other))).toEqual([])
    const changed = differing(before.late, await hashes(late))
    const first = day(46)
    expect(changed.filter((key) => (key.split(' ')[1] ?? '') < first)).toEqual([])
    // A streak, a trailing window, the first active day of a week, a wait for an answer or a plan reach into later days.
    const lookBack =
      /^(habits_daily|presence_daily|members_daily|retention_daily|sla_daily|replies_|goals_daily|nudge|activity_|ratings_)/
    const last = day(24)
    expect(changed.filter((key) => (key.split(' ')[1] ?? '') > last && !lookBack.test(key))).toEqual([])
    expect(changed.filter((key) => key.startsWith('events_hourly')).length).toBe(21)
  })
})

describe('an hour that has just closed', () => {
  test('shows an event that arrives after it was materialised', async () => {
    const tenant = await platform.createTenant({ slug: 'closed-hour', timezone: 'UTC' })
    await refreshTouched(platform.db.pool)
    const hour = Math.floor(Date.now() / HOUR - 2) * HOUR
    const at = new Date(hour + 59 * 60_000 + 59_999).toISOString()
    await platform.send(tenant, [{ event_id: 'a', type: 'session_started', occurred_at: at, user_id: 'm1' }])
    await platform.settle()
    const from = new Date(hour).toISOString()
    const answer = await platform.get<{ series: { points: { value: number }[] }[] }>(
      tenant,
      `/api/analytics/metrics/active_members?granularity=hour&from=${from}&to=${new Date(hour + HOUR).toISOString()}`,
    )
    expect(answer.body.series[0]?.points.map(({ value }) => value)).toEqual([1])
    expect(await counted(tenant)).toBe(1)
  })

  test('loses nothing between its last event and its refresh', async () => {
    const tenant = await platform.createTenant({ slug: 'closing-hour', timezone: 'UTC' })
    const at = new Date(Date.now() - 1_000).toISOString()
    const event = { type: 'session_started', occurred_at: at, user_id: 'm1' }
    await platform.send(tenant, [{ event_id: 'a', ...event }])
    expect(await counted(tenant)).toBe(1)
    while ((await foldDirty(platform.db.pool)).members > 0);
    // Two days later the hour and the day are closed and materialised, without anything new having happened.
    for (const later of [2 * HOUR, 48 * HOUR]) {
      await refreshTouched(platform.db.pool, Date.now() + later)
      expect(await counted(tenant)).toBe(1)
      const { rows } = await platform.db.pool.query(
        'select sum(members) as n from analytics.members_daily where tenant_id = $1',
        [tenant.id],
      )
      expect(Number(rows[0]?.n)).toBe(1)
    }
  })

  async function counted(tenant: Tenant): Promise<number> {
    const { rows } = await platform.db.pool.query(
      'select sum(events) as n from analytics.events_hourly where tenant_id = $1',
      [tenant.id],
    )
    return Number(rows[0]?.n ?? 0)
  }
})

describe('after old rows were dropped', () => {
  test('a refresh of any range leaves the aggregates below the oldest chunk alone', async () => {
    const { pool } = platform.db
    const { rows: tables } = await pool.query<{ name: string; type: string }>(
      `select hypertable_name as name, column_type::text as type from timescaledb_information.dimensions
       where hypertable_schema = 'analytics' and hypertable_name = any($1)`,
      [[...new Set(aggregates.map(({ source }) => source))]],
    )
    const before = { late: await hashes(late), other: await hashes(other) }
    for (const { name, type } of tables) {
      const cast = type === 'date' ? 'date' : 'timestamptz'
      await pool.query(`select drop_chunks('analytics.${name}', older_than => '${day(35)}'::${cast})`)
    }
    const dropped = await pool.query(`select min(occurred_at) as oldest from analytics.events`)
    expect(dropped.rows[0]?.oldest > day(36)).toBe(true)
    await pool.query(
      `insert into analytics.touched_ranges (source, from_at, to_at, tenant_ids)
       select source, now() - interval '100 days', now(), $1 from unnest($2::text[]) source`,
      [[late.id, other.id], tables.map(({ name }) => name)],
    )
    await refreshTouched(pool)
    expect(await openMarks()).toEqual([])
    expect(differing(before.late, await hashes(late))).toEqual([])
    expect(differing(before.other, await hashes(other))).toEqual([])
  }, 120_000)
})
