import { DateTime } from 'luxon'
import { acceptEvents } from '../db/accept-events.ts'
import { refreshTouched } from '../db/aggregates.ts'
import type { Database } from '../db/database.ts'
import { foldDirty } from '../db/ledgers.ts'
import { periodRange } from '../db/period.ts'
import { readMetric } from '../db/reader.ts'
import { createTenant, type Tenant, withTenant } from '../db/tenant.ts'
import { findMetric } from '../metrics/catalog.ts'
import { createTwin } from '../sources/simulator/twin.ts'
import { type Bench, spread, timed, withScratchDatabase } from './rounds.ts'

const zone = 'Europe/Berlin'
const DAYS = 90

/** The same questions asked of the raw events. */
const raw: Readonly<Record<string, string>> = {
  dau: `select local_hour::date as day, count(distinct user_id) from analytics.events
    where tenant_id = $1 and is_action and local_hour >= $2 and local_hour < $3 group by 1`,
  wau: `select d, (select count(distinct user_id) from analytics.events e where e.tenant_id = $1 and e.is_action
      and e.occurred_at >= d - interval '7 days' and e.occurred_at < d + interval '2 days'
      and e.local_hour::date between d::date - 6 and d::date)
    from generate_series($2::timestamp, $3::timestamp - interval '1 day', interval '1 day') d`,
  completed_goals: `select local_hour::date, count(*) from analytics.events
    where tenant_id = $1 and type = 'goal_completed' and local_hour >= $2 and local_hour < $3 group by 1`,
}

async function load(database: Database, tenant: Tenant, log: (line: string) => void): Promise<number> {
  const endDate = DateTime.utc().minus({ days: 2 }).toISODate() ?? ''
  const twin = createTwin({ seed: 7, members: 150, days: DAYS, endDate, timezone: zone })
  const intake = { tenant, piiKey: Buffer.alloc(32, 1) }
  for (let i = 0; i < twin.events.length; i += 2_000)
    await acceptEvents(database.pool, intake, { events: twin.events.slice(i, i + 2_000) })
  log(`${twin.events.length} events stored; folding and refreshing`)
  while ((await foldDirty(database.pool)).members > 0);
  await refreshTouched(database.pool)
  return twin.events.length
}

/** Metric reads from continuous aggregates against the same questions on raw events. */
export const reads: Bench = {
  name: 'reads',
  title: 'the question on raw events : the metric from its aggregates (how many times faster)',
  run: ({ rounds, log }) =>
    withScratchDatabase(async (database) => {
      const tenant = await createTenant(database.pool, { slug: 'bench', timezone: zone, currency: 'EUR' })
      const events = await load(database, tenant, log)
      const to = DateTime.utc().minus({ days: 1 }).toISODate() ?? ''
      const from = DateTime.fromISO(to).minus({ days: 60 }).toISODate() ?? ''
      const range = periodRange(from, to, 'day', zone)
      const ratios = []
      for (const [name, sql] of Object.entries(raw)) {
        const metric = findMetric(name)
        if (!metric) throw new Error(`there is no metric ${name}`)
        const measured: number[] = []
        for (let round = 0; round <= rounds; round++) {
          const scanned = await timed(() => database.pool.query(sql, [tenant.id, from, to]))
          const read = await timed(() =>
            withTenant(database.pool, tenant.id, (client) => readMetric(client, metric, { range })),
          )
          log(`${name}, round ${round}: raw ${scanned.toFixed(1)} ms, metric ${read.toFixed(1)} ms`)
          if (round > 0) measured.push(scanned / read)
        }
        ratios.push(spread(name, measured))
      }
      return {
        ratios,
        notes: [`${database.kind} engine, ${events} raw events, 60 daily points; the gap grows with the raw rows`],
      }
    }),
}
