import { setTimeout as wait } from 'node:timers/promises'
import type pg from 'pg'
import { announceRefreshed } from './ledgers.ts'

const LOCK_NOT_AVAILABLE = '55P03'
const WAIT_MS = 500
const MOST_WAITS = 60

const HOUR = 3_600_000
const DAY = 24 * HOUR
/** A statement that began before a bucket's end may commit this much later; until then the bucket counts as open. */
const SETTLING = 10 * 60_000

/**
 * Windows wider than this come from importing history: most of their buckets are new. TimescaleDB refreshes what was
 * invalidated piece by piece, in thousands of small steps for years of sparse data; as a whole it takes seconds.
 */
const WIDE = 92 * DAY

interface Aggregate {
  readonly name: string
  /** The table whose touched ranges it must follow (for a stacked aggregate: that of the bottom layer). */
  readonly source: string
  readonly bucket: number
  /** Buckets are local days: the same date ends up to 12 hours after it ended in UTC. */
  readonly localDays?: true
}

/** Every continuous aggregate, bottom layer first. A test compares this list with TimescaleDB's catalog. */
export const aggregates: readonly Aggregate[] = [
  { name: 'events_hourly', source: 'events', bucket: HOUR },
  { name: 'activity_hourly', source: 'member_hours', bucket: HOUR },
  { name: 'activity_daily', source: 'member_hours', bucket: DAY },
  { name: 'members_daily', source: 'member_days', bucket: DAY, localDays: true },
  { name: 'retention_daily', source: 'member_days', bucket: DAY, localDays: true },
  { name: 'presence_daily', source: 'presence', bucket: DAY, localDays: true },
  { name: 'goals_daily', source: 'goal_changes', bucket: DAY },
  { name: 'habits_daily', source: 'habit_member_days', bucket: DAY, localDays: true },
  { name: 'replies_hourly', source: 'replies', bucket: HOUR },
  { name: 'replies_daily', source: 'replies', bucket: DAY },
  { name: 'sla_daily', source: 'sla_changes', bucket: DAY },
  { name: 'nudges_hourly', source: 'nudges', bucket: HOUR },
  { name: 'nudge_free_daily', source: 'nudge_free_days', bucket: DAY, localDays: true },
  { name: 'ratings_daily', source: 'events', bucket: DAY },
  { name: 'churn_daily', source: 'churn_scores', bucket: DAY, localDays: true },
  { name: 'mrr_daily', source: 'mrr_entries', bucket: DAY },
  { name: 'subscribers_daily', source: 'mrr_movements', bucket: DAY },
  { name: 'revenue_daily', source: 'revenue_entries', bucket: DAY },
]

interface Range {
  readonly from: number
  readonly to: number
}

/** Instants in milliseconds, `to` exclusive → the fewest ranges that cover them, merging those less than a day apart. */
export function mergeRanges(ranges: readonly Range[]): Range[] {
  const merged: { from: number; to: number }[] = []
  for (const range of [...ranges].sort((a, b) => a.from - b.from)) {
    const last = merged.at(-1)
    if (last && range.from <= last.to + DAY) last.to = Math.max(last.to, range.to)
    else merged.push({ ...range })
  }
  return merged
}

/** End of the last bucket of the aggregate that no running statement can still write to without a mark. */
function closedEnd(aggregate: Aggregate, now: number): number {
  const settled = now - SETTLING - (aggregate.localDays ? DAY / 2 : 0)
  return Math.floor(settled / aggregate.bucket) * aggregate.bucket
}

interface SourceState {
  readonly name: string
  readonly watermark: number | null
  /** Start of the oldest chunk that the source still has: a refresh below it would delete what retention left behind. */
  readonly oldest: number | null
}

const readState = `
  select c.view_name as name,
    case when w.mark > -9223372036854775808 then (w.mark / 1000)::double precision end as watermark,
    (select extract(epoch from min(coalesce(k.range_start, to_timestamp(k.range_start_integer / 1e6)))) * 1000
     from timescaledb_information.chunks k
     where k.hypertable_schema = c.hypertable_schema and k.hypertable_name = c.hypertable_name)::double precision as oldest
  from timescaledb_information.continuous_aggregates c
  join _timescaledb_catalog.hypertable h
    on h.schema_name = c.materialization_hypertable_schema and h.table_name = c.materialization_hypertable_name
  cross join lateral (select _timescaledb_functions.cagg_watermark(h.id) as mark) w
  where c.view_schema = 'analytics'`

interface Mark {
  readonly id: number
  readonly source: string
  readonly from_at: string
  readonly to_at: string
  readonly tenant_ids: readonly string[]
}

/** When each aggregate was last brought forward to the end of its closed buckets, per process. */
const advanced = new WeakMap<pg.Pool, Map<string, number>>()

/**
 * Refreshes exactly what ingest and ledgers touched, bottom layer first. Open buckets are left to real-time reading and
 * their marks are kept until they close; the window always reaches back to the watermark, because rows between it and a
 * later refresh would become invisible. Returns how many windows were refreshed.
 */
export async function refreshTouched(pool: pg.Pool, now: number = Date.now()): Promise<{ ranges: number }> {
  const marks = await pool.query<Mark>(
    'select id, source, from_at, to_at, tenant_ids from analytics.touched_ranges order by id limit 10000',
  )
  const done = advanced.get(pool) ?? new Map<string, number>()
  advanced.set(pool, done)
  const due = aggregates.filter(
    (aggregate) =>
      marks.rows.some((mark) => mark.source === aggregate.source) ||
      done.get(aggregate.name) !== closedEnd(aggregate, now),
  )
  if (due.length === 0) return { ranges: 0 }
  const state = new Map((await pool.query<SourceState>(readState)).rows.map((row) => [row.name, row]))
  let refreshed = 0
  for (const aggregate of due) {
    const end = closedEnd(aggregate, now)
    const { watermark = null, oldest = null } = state.get(aggregate.name) ?? {}
    const touched = marks.rows
      .filter((mark) => mark.source === aggregate.source)
      .map((mark) => ({ from: Date.parse(mark.from_at), to: Date.parse(mark.to_at) + 1 }))
    if (done.get(aggregate.name) !== end) touched.push({ from: Math.max(watermark ?? 0, end - 30 * DAY), to: end })
    const windows = mergeRanges(
      touched
        .map(({ from, to }) => ({
          from:
            Math.floor(
              Math.max(watermark === null ? from : Math.min(from, watermark), oldest ?? from) / aggregate.bucket,
            ) * aggregate.bucket,
          to: Math.min(Math.ceil(to / aggregate.bucket) * aggregate.bucket, end),
        }))
        .filter(({ from, to }) => from < to),
    )
    for (const window of windows) {
      await refresh(pool, aggregate, window)
      refreshed += 1
    }
    done.set(aggregate.name, end)
  }
  await settle(pool, marks.rows, now)
  const tenants = [...new Set(marks.rows.flatMap((mark) => mark.tenant_ids))]
  if (refreshed > 0 && tenants.length > 0) await announceRefreshed(pool, tenants)
  return { ranges: refreshed }
}

async function refresh(pool: pg.Pool, aggregate: Aggregate, { from, to }: Range): Promise<void> {
  const cut = (instant: number): string =>
    aggregate.localDays ? new Date(instant).toISOString().slice(0, 10) : new Date(instant).toISOString()
  const cast = aggregate.localDays ? 'date' : 'timestamptz'
  // CALL takes no parameters on the extended protocol for "any" arguments; both values are our own ISO text.
  const force = to - from > WIDE ? ', force => true' : ''
  // TimescaleDB 2.28 may leave the last bucket of the last range it knows to be invalid, where the latest row lies exactly on
  // that bucket's start (days always do), for the next refresh. A second one finds only what is left, usually nothing.
  const rounds = force === '' && to - from > aggregate.bucket ? 2 : 1
  for (let round = 0; round < rounds; round += 1)
    await alone(() =>
      pool.query(
        `call refresh_continuous_aggregate('analytics.${aggregate.name}', '${cut(from)}'::${cast}, '${cut(to)}'::${cast}${force})`,
      ),
    )
}

/** TimescaleDB refuses a second refresh of the same aggregate at once; its own policy may be the first. Waits for its end. */
async function alone(work: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await work()
      return
    } catch (error) {
      if ((error as { code?: string }).code !== LOCK_NOT_AVAILABLE || attempt === MOST_WAITS) throw error
      await wait(WAIT_MS)
    }
  }
}

/** Removes the marks that are done and keeps the open rest of each source as one mark. */
async function settle(pool: pg.Pool, marks: readonly Mark[], now: number): Promise<void> {
  if (marks.length === 0) return
  const rest: { source: string; from: string; to: string; tenants: string[] }[] = []
  for (const source of new Set(marks.map((mark) => mark.source))) {
    const followers = aggregates.filter((aggregate) => aggregate.source === source)
    const end = Math.min(...followers.map((aggregate) => closedEnd(aggregate, now)))
    const open = marks.filter((mark) => mark.source === source && Date.parse(mark.to_at) >= end)
    if (open.length === 0) continue
    rest.push({
      source,
      from: new Date(Math.max(end, Math.min(...open.map((mark) => Date.parse(mark.from_at))))).toISOString(),
      to: new Date(Math.max(...open.map((mark) => Date.parse(mark.to_at)))).toISOString(),
      tenants: [...new Set(open.flatMap((mark) => mark.tenant_ids))],
    })
  }
  await pool.query(
    `with done as (delete from analytics.touched_ranges where id = any($1::bigint[]))
     insert into analytics.touched_ranges (source, from_at, to_at, tenant_ids)
     select source, "from", "to", tenants
     from jsonb_to_recordset($2::jsonb) as x (source text, "from" timestamptz, "to" timestamptz, tenants uuid[])`,
    [marks.map((mark) => mark.id), JSON.stringify(rest)],
  )
}
