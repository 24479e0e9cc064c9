import { readFileSync } from 'node:fs'
import { DateTime } from 'luxon'
import type pg from 'pg'
import { readFacts } from '../../db/churn/features.ts'
import { daysBetween } from '../../db/churn/score.ts'
import { periodRange } from '../../db/period.ts'
import { readMetric } from '../../db/reader.ts'
import { type Tenant, withTenant } from '../../db/tenant.ts'
import { metrics } from '../../metrics/catalog.ts'
import { ledgerRows, ledgerTables } from '../../test/support/ledger-rows.ts'

export interface Days {
  readonly from: string
  readonly to: string
}

/** All that the platform has computed for a tenant: rows as text, by what holds them. Equal text, equal numbers. */
export type Picture = Readonly<Record<string, readonly string[]>>

/**
 * Scores are made once for each day, when it is over and nothing has arrived for two minutes: what a tenant has of them
 * depends on when somebody looks. What they are made of does not, and is compared instead.
 */
const scores = { table: 'churn_scores', aggregate: 'churn_daily' }

/** Sums of fractions over many members depend on their order in the last digit. */
const rounded = (row: string): string =>
  row.replaceAll(/-?\d+\.\d+(e[+-]?\d+)?/g, (number) => String(Number(Number(number).toPrecision(12))))

/** Rows of every continuous aggregate, as readers see them: what is materialized and what is not yet. */
async function aggregateRows(pool: pg.Pool, tenantId: string): Promise<Record<string, string[]>> {
  const { rows: views } = await pool.query<{ name: string }>(
    `select view_name as name from timescaledb_information.continuous_aggregates
     where view_schema = 'analytics' and view_name <> $1`,
    [scores.aggregate],
  )
  const union = views
    .map(
      ({ name }) =>
        `select '${name}' as name, to_jsonb(x) - 'tenant_id' as row from analytics.${name} x where tenant_id = $1`,
    )
    .join(' union all ')
  const { rows } = await pool.query<{ name: string; rows: string[] }>(
    `select name, array_agg(row::text order by row::text) as rows from (${union}) r group by name`,
    [tenantId],
  )
  return Object.fromEntries(rows.map((row) => [row.name, row.rows.map(rounded)]))
}

/** Raw events, ledgers, aggregates and the inputs of churn scores: everything that metrics are made of. */
export async function takePicture(pool: pg.Pool, { id }: Tenant, { from, to }: Days): Promise<Picture> {
  const tables = (await ledgerTables(pool)).filter((table) => table !== scores.table)
  const facts = await readFacts(pool, { tenantId: id, days: daysBetween(from, to), knownDay: to })
  return {
    ...(await ledgerRows(pool, tables, id)),
    ...(await aggregateRows(pool, id)),
    'inputs of churn scores': facts.map((row) => rounded(JSON.stringify(row))),
  }
}

/** Every metric's points, day by day, as the API reads them. */
export async function metricPoints(pool: pg.Pool, { id, timezone }: Tenant, { from, to }: Days): Promise<Picture> {
  const now = DateTime.utc()
  const points: Record<string, string[]> = {}
  for (const metric of metrics) {
    const granularity = metric.granularities.includes('day') ? 'day' : metric.granularities[0]
    if (!granularity || readFileSync(metric.sql, 'utf8').includes(scores.aggregate)) continue
    const series = await withTenant(pool, id, (client) =>
      readMetric(client, metric, { range: periodRange(from, to, granularity, timezone) }, now),
    )
    points[metric.name] = series.flatMap((one) => one.points.map((point) => rounded(JSON.stringify(point))))
  }
  return points
}

/** So much of a difference is told: one wrong event makes most of what is computed differ. */
const TOLD = 5

/** The first things that differ, each with rows that only one side has: the first side's with +, the other's with -. */
export function differences(mine: Picture, expected: Picture): string[] {
  const found = [...new Set([...Object.keys(expected), ...Object.keys(mine)])].flatMap((name) => {
    const [left, right] = [new Set(mine[name]), new Set(expected[name])]
    const rows = [
      ...[...right].filter((row) => !left.has(row)).map((row) => `- ${row}`),
      ...[...left].filter((row) => !right.has(row)).map((row) => `+ ${row}`),
    ]
    return rows.length === 0 ? [] : [`${name} (${rows.slice(0, 2).join(' ')})`]
  })
  return found.length > TOLD ? [...found.slice(0, TOLD), `and ${found.length - TOLD} more`] : found
}
