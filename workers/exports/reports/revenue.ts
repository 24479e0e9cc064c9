import { readCards } from '../../../db/cards.ts'
import type { ExportPayload } from '../../../db/exports/payload.ts'
import type { Column } from '../../../db/exports/tables.ts'
import { periodRange } from '../../../db/period.ts'
import { readMetric, type Series } from '../../../db/reader.ts'
import { revenuePolicyVersion } from '../../../db/revenue/policy.ts'
import type { Tenant } from '../../../db/tenant.ts'
import { describeUnit } from '../../../db/unit.ts'
import { dimensionTitles, type Metric } from '../../../metrics/metric.ts'
import { formatValue } from '../format-value.ts'
import type { Chart, PageTable, Report } from '../report.ts'
import { begunPeriods, describeRange, frame, metricsOf, type ReportContext } from './context.ts'
import { groupName, groupTable, largest, leftOut, rowsOf, timeColumn, valueColumns } from './metric.ts'

/** What moves MRR, as it is stacked; the other series are no parts of it. */
const MOVEMENTS = new Set([
  'new_mrr',
  'reactivation_mrr',
  'expansion_mrr',
  'contraction_mrr',
  'churn_mrr',
  'mrr_fx_adjustment',
])
/** Movements that take away. */
const LOSSES = new Set(['contraction_mrr', 'churn_mrr'])

/** MRR and its movements: the same numbers as `GET /revenue` and the cards of `GET /revenue/kpis`. */
export async function revenueReport(
  context: ReportContext,
  payload: Extract<ExportPayload, { type: 'revenue' }>,
): Promise<Report> {
  const { client, tenant, now } = context
  const { group_by: groupBy, filters, granularity } = payload
  const range = periodRange(payload.from, payload.to, granularity, tenant.timezone)
  const [stock, ...others] = metricsOf(payload.metrics)
  if (!stock) throw new Error('a revenue export has at least one metric')
  const read = async (metric: Metric) => ({
    metric,
    series: await readMetric(client, metric, { range, groupBy, filters }, now),
  })
  const level = await read(stock)
  const reads = [level]
  for (const metric of others) reads.push(await read(metric))
  const cards = await readCards(client, metricsOf(payload.cards), tenant, { granularity, filters, now })

  const periods = begunPeriods(range, now)
  const labels = periods.map(({ label }) => label)
  const unit = describeUnit(stock, tenant)
  const shown = largest(level.series)
  const framed = await frame(context, metricsOf([...new Set([...payload.metrics, ...payload.cards])]))
  return {
    ...framed,
    title: 'Revenue',
    range: describeRange(range, granularity),
    cards,
    charts: [
      {
        title: groupBy ? `${stock.title} by ${dimensionTitles[groupBy].toLowerCase()}` : stock.title,
        kind: 'line',
        unit,
        labels,
        series: shown.map((one) => ({ name: groupName(one, groupBy), values: one.points.map(({ value }) => value) })),
      },
      ...(groupBy ? [] : [movementChart(reads, labels, unit)]),
    ],
    chartsPerRow: 1,
    tables: [groupBy ? groupTable(stock, shown, groupBy, periods, unit) : periodTable(reads, labels, tenant)],
    notes: [
      ...framed.notes,
      ...leftOut(level.series, shown),
      `Money is in ${tenant.currency}, counted under policy ${revenuePolicyVersion(tenant)}.`,
    ],
    sheet: {
      columns: [
        { name: 'metric', title: 'Metric', type: 'text' },
        ...(groupBy ? ([{ name: groupBy, title: dimensionTitles[groupBy], type: 'text' }] satisfies Column[]) : []),
        timeColumn(granularity),
        ...valueColumns,
        { name: 'currency', title: 'Currency', type: 'text' },
      ],
      rows: reads.flatMap(({ metric, series }) => {
        const currency = describeUnit(metric, tenant).kind === 'money' ? tenant.currency : null
        return series.flatMap((one) => rowsOf(one).map((row) => ({ metric: metric.name, ...row, currency })))
      }),
    },
  }
}

interface Read {
  readonly metric: Metric
  readonly series: readonly Series[]
}

const total = ({ series }: Read) => series[0]?.points.map(({ value }) => value) ?? []

function movementChart(reads: readonly Read[], labels: readonly string[], unit: Chart['unit']): Chart {
  const flows = reads.filter(({ metric }) => MOVEMENTS.has(metric.name))
  return {
    title: 'Movements of MRR',
    kind: 'stacked',
    unit,
    labels,
    series: flows.map((flow) => ({
      name: flow.metric.title,
      values: total(flow).map((value) => (value !== null && LOSSES.has(flow.metric.name) ? -Math.abs(value) : value)),
    })),
  }
}

function periodTable(reads: readonly Read[], labels: readonly string[], tenant: Tenant): PageTable {
  const columns = reads.map((read) => ({ values: total(read), unit: describeUnit(read.metric, tenant) }))
  return {
    title: 'By period',
    columns: [
      { title: 'Period', align: 'left' },
      ...reads.map(({ metric }) => ({ title: metric.title, align: 'right' as const })),
    ],
    rows: labels.map((label, i) => [
      { text: label },
      ...columns.map(({ values, unit }) => ({ text: formatValue(values[i] ?? null, unit) })),
    ]),
  }
}
