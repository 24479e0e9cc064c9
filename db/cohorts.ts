import { DateTime } from 'luxon'
import type pg from 'pg'
import type { Dimension } from '../metrics/metric.ts'
import { cohortsBracketSql, cohortsRecurringSql, cohortsSql } from '../metrics/relations.ts'
import type { cohortUnits, retentionModes } from '../metrics/retention-modes.ts'
import type { PeriodRange } from './period.ts'
import { metricParameters } from './reader.ts'
import { loadSql } from './sql.ts'

export type Unit = (typeof cohortUnits)[number]

/** One unit after the cohort began; nulls while it is not over. */
export interface CohortCell {
  n: number
  retained: number | null
  rate: number | null
}
export interface Cohort {
  cohort: string
  /** First day. */
  from: string
  size: number
  cells: CohortCell[]
}
/** All cohorts together, over cells that are over: rate is retained / size, mean the mean of the cohorts' rates. */
export interface PooledCell {
  n: number
  size: number
  retained: number
  rate: number | null
  mean: number | null
}
type Row = { cohort: string; n: number; size: number; retained: number | null }

/** A cohort is named 2026-W14 (ISO week), 2026-04 (month) or 2026-04-01 (day). */
export function cohortName(from: string, unit: Unit): string {
  const start = DateTime.fromISO(from)
  return start.toFormat(unit === 'week' ? "kkkk-'W'WW" : unit === 'month' ? 'yyyy-MM' : 'yyyy-MM-dd')
}

function toCohorts(rows: readonly Row[], unit: Unit): Cohort[] {
  const cohorts = new Map<string, Cohort>()
  for (const { cohort, n, size, retained } of rows) {
    const found = cohorts.get(cohort) ?? { cohort: cohortName(cohort, unit), from: cohort, size, cells: [] }
    found.cells.push({ n, retained, rate: retained === null || size === 0 ? null : retained / size })
    cohorts.set(cohort, found)
  }
  return [...cohorts.values()]
}

/** Weighted and simple mean over cells that are over; a cohort without members has no say. */
export function pool(cohorts: readonly Cohort[]): PooledCell[] {
  const columns = new Map<number, { size: number; retained: number; rates: number[] }>()
  for (const { size, cells } of cohorts)
    for (const { n, retained, rate } of cells) {
      const column = columns.get(n) ?? { size: 0, retained: 0, rates: [] }
      columns.set(n, column)
      if (retained === null || rate === null) continue
      column.size += size
      column.retained += retained
      column.rates.push(rate)
    }
  return [...columns]
    .sort(([a], [b]) => a - b)
    .map(([n, { size, retained, rates }]) => ({
      n,
      size,
      retained,
      rate: size === 0 ? null : retained / size,
      mean: rates.length === 0 ? null : rates.reduce((a, b) => a + b) / rates.length,
    }))
}

export interface Triangle {
  readonly range: PeriodRange
  readonly cohort: Unit
  readonly unit: Unit
  readonly mode: (typeof retentionModes)[number]
  readonly units: number
  readonly bracket?: readonly [number, number] | undefined
  readonly filters: Partial<Record<Dimension, string[]>>
}

/** The retention triangle, inside a tenant transaction. */
export async function readTriangle(client: pg.ClientBase, triangle: Triangle): Promise<Cohort[]> {
  const { mode, bracket } = triangle
  const recurring = mode === 'recurring' || mode === 'recurring_rolling'
  const statement = loadSql(mode === 'bracket' ? cohortsBracketSql : recurring ? cohortsRecurringSql : cohortsSql)
  const { rows } = await client.query<Row>(
    statement.bind({
      ...metricParameters({ range: triangle.range, filters: triangle.filters }, DateTime.utc()),
      cohort: triangle.cohort,
      unit: triangle.unit,
      mode,
      units: triangle.units,
      first: bracket?.[0] ?? 0,
      last: bracket?.[1] ?? 0,
    }),
  )
  return toCohorts(rows, recurring ? triangle.unit : triangle.cohort)
}
