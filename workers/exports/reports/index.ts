import type { ExportPayload } from '../../../db/exports/payload.ts'
import type { Report } from '../report.ts'
import { cohortReport } from './cohort.ts'
import type { ReportContext } from './context.ts'
import { metricReport } from './metric.ts'
import { overviewReport } from './overview.ts'
import { revenueReport } from './revenue.ts'

type Reports = {
  readonly [Type in 'metric' | 'overview' | 'revenue' | 'cohort']: (
    context: ReportContext,
    payload: Extract<ExportPayload, { type: Type }>,
  ) => Promise<Report>
}

/** Exports that are read as a whole: bounded by the range's points. Relations of any size are db/exports/tables.ts. */
const reports: Reports = {
  metric: metricReport,
  overview: overviewReport,
  revenue: revenueReport,
  cohort: cohortReport,
}

export type ReportPayload = Extract<ExportPayload, { type: keyof Reports }>

export function readReport(context: ReportContext, payload: ReportPayload): Promise<Report> {
  const read = reports[payload.type] as (context: ReportContext, payload: ReportPayload) => Promise<Report>
  return read(context, payload)
}
