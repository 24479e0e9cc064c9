import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openToolkitDatabase, type ToolkitDatabase } from './database.ts'

let database: ToolkitDatabase
beforeAll(async () => {
  database = await openToolkitDatabase()
  await database.pool.query(
    'create table public.replies (at timestamptz not null, tenant int not null, member text, seconds float8)',
  )
  await database.pool.query(`select create_hypertable('public.replies', by_range('at', interval '1 day'))`)
  // 1/64 s steps: sums are exact in any order, so sketches can be compared as text.
  await database.pool.query(
    `insert into public.replies
     select '2026-03-01Z'::timestamptz + i * interval '95 seconds', i % 3, 'member-' || (i * 7919 % 400), (i * 104729 % 640000) / 64.0
     from generate_series(0, 9000) i`,
  )
  await database.pool.query(
    `create materialized view public.replies_hourly with (timescaledb.continuous, timescaledb.materialized_only = false) as
     select time_bucket('1 hour', at) as hour, tenant, percentile_agg(seconds) as p, hyperloglog(8192, member) as h,
       stats_agg(seconds) as s
     from public.replies group by 1, 2 with no data`,
  )
  await database.pool.query(
    `create materialized view public.replies_daily with (timescaledb.continuous, timescaledb.materialized_only = false) as
     select time_bucket('1 day', hour) as day, tenant, rollup(p) as p, rollup(h) as h, rollup(s) as s
     from public.replies_hourly group by 1, 2 with no data`,
  )
  await refresh('2026-03-01', '2026-03-08')
})
afterAll(() => database.close())

async function refresh(from: string, to: string): Promise<void> {
  for (const view of ['public.replies_hourly', 'public.replies_daily'])
    await database.pool.query('call refresh_continuous_aggregate($1, $2::timestamptz, $3::timestamptz)', [
      view,
      from,
      to,
    ])
}

/** Per day and tenant: the sketches as text and the read-outs, from the daily aggregate or straight from the rows. */
async function days(source: 'aggregate' | 'rows'): Promise<unknown[]> {
  const sketches =
    source === 'aggregate'
      ? 'select day, tenant, p, h, s from public.replies_daily'
      : `select time_bucket('1 day', at) as day, tenant, percentile_agg(seconds) as p, hyperloglog(8192, member) as h,
           stats_agg(seconds) as s from public.replies group by 1, 2`
  const { rows } = await database.pool.query(
    `select day, tenant, md5(p::text) as p, md5(h::text) as h, approx_percentile(0.95, p) as p95, distinct_count(h) as members,
       num_vals(s) as replies, sum(s) as seconds, round(stddev(s)::numeric, 6) as spread
     from (${sketches}) x order by 1, 2`,
  )
  return rows
}

async function materializedDays(): Promise<number> {
  const { rows } = await database.pool.query<{ relation: string }>(
    `select format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name) as relation
     from timescaledb_information.continuous_aggregates where view_schema = 'public' and view_name = 'replies_daily'`,
  )
  return (await database.one<{ n: number }>(`select count(*) as n from ${rows[0]?.relation}`)).n
}

describe('sketches in continuous aggregates', () => {
  it('are the sketches of the rows after a rollup of hours to days, in materialized and in real-time buckets', async () => {
    expect(await materializedDays()).toBe(21)
    const daily = await days('aggregate')
    expect(daily).toHaveLength(30)
    expect(daily).toEqual(await days('rows'))
  })

  it('take in late rows when the bucket is refreshed, and new rows at once', async () => {
    await database.pool.query(
      `insert into public.replies values ('2026-03-02 10:00Z', 1, 'late member', 12), ('2026-03-20 10:00Z', 1, 'new member', 900)`,
    )
    await refresh('2026-03-02', '2026-03-03')
    const daily = await days('aggregate')
    expect(daily).toHaveLength(31)
    expect(daily).toEqual(await days('rows'))
  })

  it('survive the columnstore', async () => {
    const before = await days('aggregate')
    await database.pool.query('alter materialized view public.replies_daily set (timescaledb.compress = true)')
    const compressed = await database.pool.query(`select compress_chunk(c) from show_chunks('public.replies_daily') c`)
    expect(compressed.rowCount).toBeGreaterThan(0)
    expect(await days('aggregate')).toEqual(before)
  })

  it('answer for any range by a rollup of days', async () => {
    const read = (sketches: string) =>
      database.one(
        `select approx_percentile(0.5, rollup(p)) as p50, distinct_count(rollup(h)) as members, num_vals(rollup(s)) as n from ${sketches}`,
      )
    const whole = `(select percentile_agg(seconds) p, hyperloglog(8192, member) h, stats_agg(seconds) s from public.replies) x`
    expect(await read('public.replies_daily')).toEqual(await read(whole))
  })
})
