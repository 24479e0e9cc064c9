import { statusOf } from '../../../db/cards.ts'
import type { ExportPayload } from '../../../db/exports/payload.ts'
import type { Column } from '../../../db/exports/tables.ts'
import { periodRange } from '../../../db/period.ts'
import { readMetric, type Series } from '../../../db/reader.ts'
import { describeUnit } from '../../../db/unit.ts'
import { relativeChange } from '../../../metrics/change.ts'
import { type Dimension, dimensionTitles, type Granularity, type Metric } from '../../../metrics/metric.ts'
import { formatValue } from '../format-value.ts'
import type { Cell, Chart, PageTable, Report, ReportCard, Sheet, Value } from '../report.ts'
import { begunPeriods, describeRange, frame, metricOf, type ReportContext } from './context.ts'

/** Groups that a page has room for; the sheet has all of them. */
const GROUPS_SHOWN = 6

/** One metric over time: the same numbers as `GET /metrics/{name}`. */
export async function metricReport(
  context: ReportContext,
  payload: Extract<ExportPayload, { type: 'metric' }>,
): Promise<Report> {
  const { client, tenant, now } = context
  const metric = metricOf(payload.metric)
  const range = periodRange(payload.from, payload.to, payload.granularity, tenant.timezone)
  const { group_by: groupBy, filters } = payload
  const series = await readMetric(client, metric, { range, groupBy, filters }, now)
  const shown = largest(series)
  const unit = describeUnit(metric, tenant)
  const periods = begunPeriods(range, now)
  const framed = await frame(context, [metric])
  return {
    ...framed,
    title: metric.title,
    range: describeRange(range, payload.granularity),
    cards: groupBy === undefined ? [cardOf(metric, series, unit)] : [],
    charts: [
      {
        title: groupBy ? `${metric.title} by ${dimensionTitles[groupBy].toLowerCase()}` : metric.title,
        kind: 'line',
        unit,
        labels: periods.map(({ label }) => label),
        series: shown.map((one) => ({ name: groupName(one, groupBy), values: one.points.map(({ value }) => value) })),
        target: metric.target?.of === 'value' ? metric.target.value : undefined,
      },
    ],
    chartsPerRow: 1,
    tables: [groupBy ? groupTable(metric, shown, groupBy, periods, unit) : pointTable(metric, series, periods, unit)],
    notes: [...framed.notes, ...leftOut(series, shown)],
    sheet: seriesSheet(series, groupBy, payload.granularity),
  }
}

export const timeColumn = (granularity: Granularity): Column => ({
  name: 't',
  title: 'Period',
  type: granularity === 'hour' ? 'timestamp' : 'date',
})

export const valueColumns: readonly Column[] = [
  { name: 'value', title: 'Value', type: 'double' },
  { name: 'numerator', title: 'Numerator', type: 'double' },
  { name: 'denominator', title: 'Denominator', type: 'double' },
  { name: 'partial', title: 'Not over yet', type: 'boolean' },
]

function seriesSheet(series: readonly Series[], groupBy: Dimension | undefined, granularity: Granularity): Sheet {
  const group: Column[] = groupBy ? [{ name: groupBy, title: dimensionTitles[groupBy], type: 'text' }] : []
  return { columns: [...group, timeColumn(granularity), ...valueColumns], rows: series.flatMap(rowsOf) }
}

export const rowsOf = ({ key, points }: Series): Record<string, Value>[] =>
  points.map((point) => ({
    ...key,
    ...point,
    numerator: point.numerator ?? null,
    denominator: point.denominator ?? null,
    partial: point.partial ?? false,
  }))

export const groupName = (series: Series, groupBy: Dimension | undefined): string =>
  (groupBy && series.key[groupBy]) || (groupBy ? '(none)' : 'All')

/** The groups with the largest sums, in the order they came in. */
export function largest(series: readonly Series[]): readonly Series[] {
  const size = ({ points }: Series) => points.reduce((sum, { value }) => sum + Math.abs(value ?? 0), 0)
  const kept = new Set([...series].sort((a, b) => size(b) - size(a)).slice(0, GROUPS_SHOWN))
  return series.filter((one) => kept.has(one))
}

export const leftOut = (all: readonly Series[], shown: readonly Series[]): string[] =>
  all.length > shown.length
    ? [`The ${shown.length} largest of ${all.length} groups are shown; CSV and Parquet exports have all of them.`]
    : []

function cardOf(metric: Metric, [series]: readonly Series[], unit: Chart['unit']): ReportCard {
  const over = (series?.points ?? []).filter((point) => !point.partial && (!metric.matures || point.value !== null))
  const value = over.at(-1)?.value ?? null
  const previous = over.at(-2)?.value ?? null
  const change = relativeChange(value, previous)
  return {
    name: metric.name,
    title: `${metric.title}, ${over.at(-1)?.t ?? 'no period is over yet'}`,
    value,
    previous,
    change,
    ...(metric.target ? { target: metric.target } : {}),
    status: statusOf(value, change, metric.target),
    unit,
  }
}

type Periods = ReturnType<typeof begunPeriods>

function pointTable(metric: Metric, [series]: readonly Series[], periods: Periods, unit: Chart['unit']): PageTable {
  const points = series?.points ?? []
  const hasParts = points.some(({ numerator }) => numerator !== undefined)
  const count = { kind: 'count' } as const
  return {
    title: 'Values',
    columns: [
      { title: 'Period', align: 'left' },
      { title: metric.title, align: 'right' },
      ...(hasParts
        ? ([
            { title: 'Numerator', align: 'right' },
            { title: 'Denominator', align: 'right' },
          ] as const)
        : []),
    ],
    rows: points.map((point, i): Cell[] => [
      { text: `${periods[i]?.label ?? point.t}${point.partial ? ' (running)' : ''}` },
      { text: formatValue(point.value, unit) },
      ...(hasParts
        ? [
            { text: formatValue(point.numerator ?? null, count) },
            { text: formatValue(point.denominator ?? null, count) },
          ]
        : []),
    ]),
  }
}

/** Periods down, groups across. */
export function groupTable(
  metric: Pick<Metric, 'title'>,
  series: readonly Series[],
  groupBy: Dimension,
  periods: Periods,
  unit: Chart['unit'],
): PageTable {
  return {
    title: `${metric.title} by ${dimensionTitles[groupBy].toLowerCase()}`,
    columns: [
      { title: 'Period', align: 'left' },
      ...series.map((one) => ({ title: groupName(one, groupBy), align: 'right' as const })),
    ],
    rows: periods.map(({ label }, i) => [
      { text: label },
      ...series.map(({ points }) => ({ text: formatValue(points[i]?.value ?? null, unit) })),
    ]),
  }
}
