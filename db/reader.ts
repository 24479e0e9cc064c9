import { DateTime } from 'luxon'
import type pg from 'pg'
import type { Dimension, Metric } from '../metrics/metric.ts'
import { type PeriodRange, periodKey, periodNames } from './period.ts'
import { loadSql } from './sql.ts'

export interface MetricQuery {
  readonly range: PeriodRange
  readonly groupBy?: Dimension | undefined
  readonly filters?: Partial<Record<Dimension, readonly string[]>> | undefined
}

export interface Point {
  readonly t: string
  readonly value: number | null
  readonly numerator?: number | null
  readonly denominator?: number | null
  /** The period is not over yet. */
  readonly partial?: true
}

export interface Series {
  /** The group: dimension → value, '' where the member has none; empty when not grouped. */
  readonly key: Readonly<Partial<Record<Dimension, string>>>
  readonly points: readonly Point[]
}

type Row = { t: string; key: string | null } & (
  | { value: number | null; numerator?: undefined }
  | { value?: undefined; numerator: number | null; denominator: number | null }
)

/** Binds the parameters every metric query may use; see `Metric`. */
export function metricParameters(query: MetricQuery, now: DateTime): Record<string, unknown> {
  const { range } = query
  const hourly = range.granularity === 'hour'
  return {
    granularity: range.granularity,
    grain: hourly ? 'hour' : 'day',
    from_at: periodKey(range.fromAt, range.granularity),
    to_at: periodKey(range.toAt, range.granularity),
    // a local day lies within a day of its UTC buckets
    from_bucket: range.fromAt.minus({ days: 1 }).toUTC().toISO(),
    to_bucket: range.toAt.plus({ days: 1 }).toUTC().toISO(),
    from_day: range.fromAt.toISODate(),
    to_day: hourly ? range.toAt.plus({ days: 1 }).toISODate() : range.toAt.toISODate(),
    today: now.setZone(range.timezone).toISODate(),
    now: now.toUTC().toISO(),
    group_by: query.groupBy ?? null,
    filters: JSON.stringify(query.filters ?? {}),
  }
}

/**
 * Reads a metric inside a tenant transaction (`withTenant`): one series per group, one point per period of the range.
 * Periods that have not begun are left out; the running one is `partial` (or null for metrics whose cells mature).
 */
export async function readMetric(
  client: pg.ClientBase,
  metric: Metric,
  query: MetricQuery,
  now: DateTime = DateTime.utc(),
): Promise<Series[]> {
  const statement = loadSql(metric.sql)
  const { rows } = await client.query<Row>(statement.bind(metricParameters(query, now)))
  const groups = new Map<string | null, Map<string, Row>>()
  for (const row of rows) {
    const group = groups.get(row.key) ?? new Map<string, Row>()
    group.set(row.t, row)
    groups.set(row.key, group)
  }
  if (query.groupBy === undefined && groups.size === 0) groups.set(null, new Map())
  const { periods, toAt } = query.range
  const { keys, labels } = periodNames(query.range)
  const begun = periods.filter((at) => at <= now)
  return [...groups]
    .sort(([a], [b]) => compareKeys(a ?? '', b ?? ''))
    .map(([key, found]) => ({
      key: query.groupBy === undefined ? {} : { [query.groupBy]: key ?? '' },
      points: begun.map((_, i) => {
        const isRunning = (periods[i + 1] ?? toAt) > now
        return toPoint(metric, labels[i] ?? '', isRunning, found.get(keys[i] ?? ''))
      }),
    }))
}

function compareKeys(a: string, b: string): number {
  // '10' after '9': weeks after signing up are numbers
  return a.localeCompare(b, 'en', { numeric: true })
}

function toPoint(metric: Metric, t: string, isRunning: boolean, row: Row | undefined): Point {
  const partial = isRunning && !metric.matures ? { partial: true as const } : {}
  if (row === undefined) return metric.empty === 'zero' ? { t, value: 0, ...partial } : { t, value: null, ...partial }
  if (row.value !== undefined) return { t, value: row.value, ...partial }
  const { numerator, denominator } = row
  const value = numerator === null || !denominator ? null : numerator / denominator
  return { t, value, numerator, denominator, ...partial }
}
