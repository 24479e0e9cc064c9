import { type Cohort, pool, readTriangle } from '../../../db/cohorts.ts'
import type { ExportPayload } from '../../../db/exports/payload.ts'
import { periodRange } from '../../../db/period.ts'
import { formatValue } from '../format-value.ts'
import type { PageTable, Report } from '../report.ts'
import { describeRange, frame, type ReportContext } from './context.ts'

type CohortPayload = Extract<ExportPayload, { type: 'cohort' }>

/** Columns a page has room for; the sheet has all of them. */
const UNITS_SHOWN = 13

const modeTitles: Readonly<Record<CohortPayload['mode'], string>> = {
  classic: 'active in the n-th period after signing up',
  rolling: 'active in the n-th period after signing up, or later',
  bracket: 'active on any day of a bracket of days after signing up',
  calendar: 'active in the n-th calendar period after the cohort’s',
  recurring: 'active in a period and again n periods later',
  recurring_rolling: 'active in a period and again n periods later, or after that',
}

/** The retention triangle: the same numbers as `GET /cohorts`. */
export async function cohortReport(context: ReportContext, payload: CohortPayload): Promise<Report> {
  const { tenant } = context
  const range = periodRange(payload.from, payload.to, payload.granularity, tenant.timezone)
  const { cohort, unit, mode, units, bracket, filters } = payload
  const cohorts = await readTriangle(context.client, { range, cohort, unit, mode, units, bracket, filters })
  const pooled = pool(cohorts)
  const framed = await frame(context, [])
  return {
    ...framed,
    title: 'Retention by cohort',
    range: describeRange(range, payload.granularity),
    cards: [],
    charts: [
      {
        title: 'All cohorts: share of members retained',
        kind: 'line',
        unit: { kind: 'ratio' },
        labels: pooled.map(({ n }) => `${unit} ${n}`),
        series: [{ name: 'All cohorts', values: pooled.map(({ rate }) => rate) }],
      },
    ],
    chartsPerRow: 1,
    tables: [triangleTable(cohorts, unit)],
    definitions: [
      {
        title: 'Retention',
        text: `Members of a cohort (who signed up in the same ${cohort}) that were ${modeTitles[mode]}, divided by the cohort’s members. A cell appears when it is over.`,
      },
      {
        title: 'All cohorts',
        text: 'Retained members of all cohorts divided by their members, over the cells that are over.',
      },
    ],
    notes: [
      ...framed.notes,
      ...(units + 1 > UNITS_SHOWN ? [`The first ${UNITS_SHOWN} columns are shown; CSV and Parquet have all.`] : []),
    ],
    sheet: {
      columns: [
        { name: 'cohort', title: 'Cohort', type: 'text' },
        { name: 'from', title: 'First day', type: 'date' },
        { name: 'size', title: 'Members', type: 'bigint' },
        { name: 'n', title: `${unit} after`, type: 'integer' },
        { name: 'retained', title: 'Retained', type: 'bigint' },
        { name: 'rate', title: 'Rate', type: 'double' },
      ],
      rows: cohorts.flatMap(({ cohort, from, size, cells }) =>
        cells.map(({ n, retained, rate }) => ({ cohort, from, size, n, retained, rate })),
      ),
    },
  }
}

function triangleTable(cohorts: readonly Cohort[], unit: string): PageTable {
  const numbers = [...new Set(cohorts.flatMap(({ cells }) => cells.map(({ n }) => n)))]
    .sort((a, b) => a - b)
    .slice(0, UNITS_SHOWN)
  return {
    title: `Share of members retained, by ${unit} after signing up`,
    columns: [
      { title: 'Cohort', align: 'left' },
      { title: 'Members', align: 'right' },
      ...numbers.map((n) => ({ title: String(n), align: 'right' as const })),
    ],
    rows: cohorts.map(({ cohort, size, cells }) => {
      const rates = new Map(cells.map(({ n, rate }) => [n, rate]))
      return [
        { text: cohort },
        { text: formatValue(size, { kind: 'count' }) },
        ...numbers.map((n) => {
          const rate = rates.get(n) ?? null
          return rate === null ? { text: '' } : { text: `${Math.round(rate * 100)}%`, shade: rate }
        }),
      ]
    }),
  }
}
