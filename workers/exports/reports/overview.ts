import { DateTime } from 'luxon'
import { readCards } from '../../../db/cards.ts'
import type { ExportPayload } from '../../../db/exports/payload.ts'
import type { Column } from '../../../db/exports/tables.ts'
import { periodRange } from '../../../db/period.ts'
import { readMetric } from '../../../db/reader.ts'
import { describeUnit } from '../../../db/unit.ts'
import type { Metric } from '../../../metrics/metric.ts'
import { overviewCutBy } from '../../../metrics/overview.ts'
import { formatChange, formatMoved, formatValue } from '../format-value.ts'
import type { Chart, PageTable, Report, ReportCard, Value } from '../report.ts'
import { begunPeriods, frame, metricsOf, type ReportContext } from './context.ts'

/** Periods in a trend, before the running one. */
const TREND: Readonly<Record<string, number>> = { hour: 48, day: 30, week: 12, month: 12 }

/** The KPI cards of every pillar with their trends: the same numbers as `GET /overview`. */
export async function overviewReport(
  context: ReportContext,
  payload: Extract<ExportPayload, { type: 'overview' }>,
): Promise<Report> {
  const { client, tenant } = context
  // The cards of the moment of asking: a retry on the next day must not slip into another week.
  const now = DateTime.fromISO(payload.now)
  const { granularity, filters } = payload
  const metrics = overviewCutBy(metricsOf(payload.metrics), Object.keys(filters))
  const cards = await readCards(client, metrics, tenant, { granularity, filters, now })
  const charts: Chart[] = []
  for (const metric of metrics) charts.push(await trendOf({ ...context, now }, metric, payload))
  return {
    ...(await frame(context, metrics)),
    title: 'Overview',
    range: `the latest ${granularity} that is over, and the ones before`,
    cards,
    charts,
    chartsPerRow: 2,
    tables: [cardTable(cards)],
    sheet: { columns: cardColumns, rows: cards.map(cardRow) },
  }
}

async function trendOf(
  { client, tenant, now }: ReportContext,
  metric: Metric,
  { granularity: asked, filters }: Extract<ExportPayload, { type: 'overview' }>,
): Promise<Chart> {
  const granularity = metric.granularities.includes(asked) ? asked : (metric.granularities.at(-1) ?? 'day')
  const local = now.setZone(tenant.timezone)
  const from = local.minus({ [granularity]: TREND[granularity] ?? 12 })
  const range = periodRange(from.toISO() ?? '', local.toISO() ?? '', granularity, tenant.timezone)
  const [series] = await readMetric(client, metric, { range, filters }, now)
  const points = series?.points ?? []
  const isOver = points.map(({ partial }) => !partial)
  return {
    title: metric.title,
    kind: 'line',
    unit: describeUnit(metric, tenant),
    labels: begunPeriods(range, now)
      .map(({ label }) => label)
      .filter((_, i) => isOver[i]),
    series: [{ name: metric.title, values: points.filter((_, i) => isOver[i]).map(({ value }) => value) }],
    target: metric.target?.of === 'value' ? metric.target.value : undefined,
  }
}

export const statusTitles = { on_track: 'on track', at_risk: 'at risk', off_track: 'off track' } as const

const cardColumns: readonly Column[] = [
  { name: 'metric', title: 'Metric', type: 'text' },
  { name: 'title', title: 'Title', type: 'text' },
  { name: 'value', title: 'Value', type: 'double' },
  { name: 'previous', title: 'Previous', type: 'double' },
  { name: 'change', title: 'Change', type: 'double' },
  { name: 'target', title: 'Target', type: 'double' },
  { name: 'target_direction', title: 'Target is', type: 'text' },
  { name: 'target_of', title: 'Target of', type: 'text' },
  { name: 'status', title: 'Status', type: 'text' },
  { name: 'unit', title: 'Unit', type: 'text' },
  { name: 'currency', title: 'Currency', type: 'text' },
]

const cardRow = (card: ReportCard): Record<string, Value> => ({
  metric: card.name,
  title: card.title,
  value: card.value,
  previous: card.previous,
  change: card.change,
  target: card.target?.value ?? null,
  target_direction: card.target?.direction ?? null,
  target_of: card.target?.of ?? null,
  status: card.status,
  unit: card.unit.kind,
  currency: card.unit.kind === 'money' ? card.unit.currency : null,
})

/** What a card's target reads like: `≥ 65.0%`. */
export function formatTarget({ target, unit }: ReportCard): string {
  if (!target) return ''
  const sign = target.direction === 'at_least' ? '≥' : '≤'
  return target.of === 'change'
    ? `change ${sign} ${formatChange(target.value)}`
    : `${sign} ${formatValue(target.value, unit)}`
}

export function cardTable(cards: readonly ReportCard[]): PageTable {
  return {
    title: 'Figures',
    columns: [
      { title: 'Metric', align: 'left' },
      { title: 'Value', align: 'right' },
      { title: 'Previous', align: 'right' },
      { title: 'Change', align: 'right' },
      { title: 'Target', align: 'right' },
      { title: 'Status', align: 'left' },
    ],
    rows: cards.map((card) => [
      { text: card.title },
      { text: formatValue(card.value, card.unit) },
      { text: formatValue(card.previous, card.unit) },
      { text: formatMoved(card) },
      { text: formatTarget(card) || '–' },
      { text: card.status === null ? '–' : statusTitles[card.status] },
    ]),
  }
}
