import type { z } from 'zod'
import type { seriesAnswerSchema } from '../../api/schemas/series.ts'
import type { Granularity } from '../../metrics/metric.ts'
import type { Unit } from '../format.ts'

export type SeriesAnswer = z.infer<typeof seriesAnswerSchema>

export interface Column {
  readonly key: string
  readonly title: string
  readonly unit: Unit
  /** The period before, drawn behind the current one. */
  readonly isPrevious?: boolean
}

export interface Row {
  readonly t: string
  readonly partial: boolean
  readonly values: Readonly<Record<string, number | null>>
}

/** What a chart over time draws, its table lists and its CSV holds: one thing. */
export interface TimeTable {
  readonly granularity: Granularity
  readonly columns: readonly Column[]
  readonly rows: readonly Row[]
}

const MAX_GROUPS = 6

const groupTitle = (key: Readonly<Record<string, string | null>>): string =>
  Object.values(key)
    .map((value) => value || 'none')
    .join(' · ')

const size = (points: SeriesAnswer['series'][number]['points']): number =>
  points.reduce((sum, { value, denominator }) => sum + (denominator ?? value ?? 0), 0)

/**
 * Answers as one table: a column per metric and group, the largest groups first and at most six of them, with the period
 * before beside it when there is one. Rows are matched by position: the previous period has the same number of them.
 */
export function timeTable(answers: readonly SeriesAnswer[]): TimeTable {
  const columns: Column[] = []
  const rows = new Map<string, { t: string; partial: boolean; values: Record<string, number | null> }>()
  const granularity = answers[0]?.range.granularity ?? 'day'
  for (const { metric, series, previous } of answers) {
    const largest = [...series].sort((a, b) => size(b.points) - size(a.points)).slice(0, MAX_GROUPS)
    for (const { key, points } of largest) {
      const group = groupTitle(key)
      const column = { key: `${metric.name} ${group}`.trim(), title: group || metric.title, unit: metric.unit }
      columns.push(column)
      for (const { t, value, partial } of points) {
        const row = rows.get(t) ?? { t, partial: false, values: {} }
        rows.set(t, row)
        row.values[column.key] = value
        if (partial) row.partial = true
      }
      const before = previous?.find((other) => groupTitle(other.key) === group)
      if (!before || largest.length > 1) continue
      const past = { key: `${column.key} previous`, title: 'Previous period', unit: metric.unit, isPrevious: true }
      columns.push(past)
      points.forEach(({ t }, index) => {
        const row = rows.get(t)
        if (row) row.values[past.key] = before.points[index]?.value ?? null
      })
    }
  }
  return { granularity, columns, rows: [...rows.values()].sort((a, b) => a.t.localeCompare(b.t)) }
}

/** The answer of one metric out of several. */
export const answerOf = (answers: readonly SeriesAnswer[], name: string): SeriesAnswer | undefined =>
  answers.find(({ metric }) => metric.name === name)

/** Whether there is anything to draw. */
export const hasValues = (table: TimeTable): boolean =>
  table.rows.some(({ values }) => Object.values(values).some((value) => value !== null && value !== 0))
