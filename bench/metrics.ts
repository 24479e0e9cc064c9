import { DateTime } from 'luxon'
import type { Database } from '../db/database.ts'
import { periodRange } from '../db/period.ts'
import { readMetric } from '../db/reader.ts'
import { createTenant, type Tenant, withTenant } from '../db/tenant.ts'
import { findMetric } from '../metrics/catalog.ts'
import { dayBefore, fillTenant } from './fill.ts'
import { type Bench, type Figure, quantile, spread, timed, withScratchDatabase } from './rounds.ts'

const DAYS = 90
const POINTS = 60
const GROWTH = 100
const READS_PER_ROUND = 20

/** The same questions asked of raw events. */
const raw: Readonly<Record<string, string>> = {
  dau: `select local_hour::date as day, count(distinct user_id) from analytics.events
    where tenant_id = $1 and is_action and occurred_at >= $2::date and occurred_at < $3::date group by 1`,
  wau: windowOf(7),
  mau: windowOf(30),
  active_minutes: `select day, sum(least(gap, interval '1 minute')) from (
      select local_hour::date as day, occurred_at - lag(occurred_at) over (partition by user_id order by occurred_at) as gap
      from analytics.events where tenant_id = $1 and is_action and occurred_at >= $2::date and occurred_at < $3::date
    ) gaps group by 1`,
  completed_goals: `select local_hour::date, count(*) from analytics.events
    where tenant_id = $1 and type = 'goal_completed' and occurred_at >= $2::date and occurred_at < $3::date group by 1`,
  ai_session_satisfaction: `select local_hour::date, avg((properties ->> 'rating')::double precision) from analytics.events
    where tenant_id = $1 and type = 'ai_session_rated' and occurred_at >= $2::date and occurred_at < $3::date group by 1`,
}

/** Distinct members of a trailing window: each event counts on as many days, and duplicates go day by day. */
function windowOf(days: number): string {
  return `select d::date, count(distinct user_id)
    from (select distinct local_hour::date as day, user_id from analytics.events
      where tenant_id = $1 and is_action and occurred_at >= $2::date - ${days} and occurred_at < $3::date) e
    cross join lateral generate_series(e.day, e.day + ${days - 1}, interval '1 day') d
    where d >= $2::date and d < $3::date group by 1`
}

/** Goals 5 and 6. */
export const metricsBench: Bench = {
  name: 'metrics',
  title: `${POINTS} daily points on raw events : the metric from its aggregates, p50; the metric with ${GROWTH} times the rows : without`,
  run: ({ rounds, size, log }) =>
    withScratchDatabase((large) =>
      withScratchDatabase(async (small) => {
        const rows = size(1_000_000, 50_000_000)
        const members = Math.max(100, Math.round(rows / 10_000))
        const to = DateTime.utc().minus({ days: 1 }).toISODate()
        const filling = { days: DAYS, members, to }
        log(`${rows / GROWTH} events of ${members} members in one database, ${rows} in another`)
        const described = { slug: 'bench', timezone: 'UTC', currency: 'EUR' }
        const few = await createTenant(small.pool, described)
        await fillTenant(small.pool, few, { ...filling, rows: rows / GROWTH })
        const many = await createTenant(large.pool, described)
        await fillTenant(large.pool, many, { ...filling, rows }, log)
        const range = periodRange(dayBefore(to, POINTS), to, 'day', 'UTC')
        const read = async (database: Database, tenant: Tenant, name: string): Promise<number> => {
          const metric = findMetric(name)
          if (!metric) throw new Error(`there is no metric ${name}`)
          const times: number[] = []
          for (let i = 0; i < READS_PER_ROUND; i += 1)
            times.push(
              await timed(() =>
                withTenant(database.pool, tenant.id, (client) => readMetric(client, metric, { range })),
              ),
            )
          return quantile(times, 0.5)
        }
        const figures: Figure[] = []
        const growth: number[] = []
        for (const [name, sql] of Object.entries(raw)) {
          const faster: number[] = []
          for (let round = 0; round <= rounds; round += 1) {
            const scanned = await timed(() => large.pool.query(sql, [many.id, dayBefore(to, POINTS), to]))
            const big = await read(large, many, name)
            const little = await read(small, few, name)
            log(
              `${name}, round ${round}: raw ${scanned.toFixed(0)} ms, metric ${big.toFixed(2)} ms, of a hundredth ${little.toFixed(2)} ms`,
            )
            if (round === 0) continue
            faster.push(scanned / big)
            growth.push(big / little)
          }
          figures.push(spread(`${name}: raw : metric`, faster, { goal: 5, atLeast: 100 }))
        }
        return {
          ratios: [...figures, spread(`metric at ${GROWTH} times the rows : before`, growth, { goal: 6, atMost: 1.5 })],
          notes: [`${large.kind} engine, ${rows} and ${rows / GROWTH} raw events, ${members} members, ${DAYS} days`],
        }
      }),
    ),
}
