import { createReadStream, createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { DateTime } from 'luxon'
import type { Database } from '../../db/database.ts'
import type { ClaimedExport, ExportOutcome } from '../../db/exports/jobs.ts'
import type { ExportPayload } from '../../db/exports/payload.ts'
import { type CsvDialect, tableCsv } from '../../db/exports/stream.ts'
import { type Column, type ExportTable, exportTables, isTableExport } from '../../db/exports/tables.ts'
import { findTenant, type Tenant, withTenant } from '../../db/tenant.ts'
import type { ObjectStore } from '../../objects/store.ts'
import { inScratchDirectory } from '../scratch.ts'
import type { Report } from './report.ts'
import type { ReportPayload } from './reports/index.ts'
import { sheetCsv } from './sheet-csv.ts'

export interface Performance {
  readonly database: Pick<Database, 'kind' | 'pool'>
  readonly objects: ObjectStore
  /** Stops the work at once; what was written is gone. */
  readonly signal: AbortSignal
  /** 0–100, as often as it changes. */
  readonly onProgress: (percent: number) => void
}

/** Whatever a file is made of: rows as CSV in either dialect, and pages. */
interface Source {
  readonly columns: readonly Column[]
  csv(dialect: CsvDialect): Promise<{ stream: Readable; rows: () => number; share: () => number }>
  report(): Promise<Report>
}

const contentTypes = {
  csv: 'text/csv; charset=utf-8',
  parquet: 'application/vnd.apache.parquet',
  pdf: 'application/pdf',
  json: 'application/json',
} as const
const PROGRESS_MS = 250

/** Makes the file of an export and puts it into the store under a key of this run. */
export async function performExport(job: ClaimedExport, context: Performance): Promise<ExportOutcome> {
  const tenant = await findTenant(context.database.pool, { id: job.tenantId })
  if (!tenant) throw new Error('the tenant of the export is gone')
  const key = `exports/${job.tenantId}/${job.id}/${job.run}.${job.format}`
  const put = async (body: Readable | Uint8Array) => {
    try {
      return { key, ...(await context.objects.put(key, body, { contentType: contentTypes[job.format] })) }
    } finally {
      // A store that failed before it read anything must not leave the query behind it open.
      if (body instanceof Readable) body.destroy()
    }
  }
  const { payload } = job
  if (payload.type === 'member') {
    const { memberJson } = await import('./member.ts')
    const { stream, rows } = memberJson({ pool: context.database.pool, objects: context.objects, tenant }, payload)
    const stored = await put(abortable(stream, context.signal))
    return { ...stored, rows: rows() }
  }
  const source = sourceOf(payload, tenant, context)
  switch (job.format) {
    case 'json':
      throw new Error(`${payload.type} is not made as JSON`)
    case 'csv': {
      const { stream, rows } = await watched(source, { lineEnd: 'crlf', spreadsheetSafe: true }, context, 100)
      const stored = await put(stream)
      return { ...stored, rows: rows() }
    }
    case 'parquet':
      return inScratchDirectory('export', async (temporary) => {
        const csvPath = join(temporary, 'rows.csv')
        const parquetPath = join(temporary, 'rows.parquet')
        const { stream, rows } = await watched(source, { lineEnd: 'lf', spreadsheetSafe: false }, context, 70)
        await pipeline(stream, createWriteStream(csvPath))
        // DuckDB, like the reports, is loaded where it is needed: 38 MB of resident memory that a CSV does without.
        const { writeParquet } = await import('./parquet.ts')
        await writeParquet(csvPath, parquetPath, source.columns, { temporary, signal: context.signal })
        context.onProgress(90)
        const stored = await put(abortable(createReadStream(parquetPath), context.signal))
        return { ...stored, rows: rows() }
      })
    case 'pdf': {
      const report = await source.report()
      context.onProgress(40)
      context.signal.throwIfAborted()
      // Fonts and charts are loaded where pages are made, not in every worker.
      const { renderPdf } = await import('./pdf/render.ts')
      const pdf = await renderPdf(report)
      context.signal.throwIfAborted()
      context.onProgress(90)
      const stored = await put(pdf)
      return { ...stored, rows: report.tables.reduce((sum, table) => sum + table.rows.length, 0) }
    }
  }
}

type TablePayload = Exclude<ExportPayload, { type: 'member' }>

function sourceOf(payload: TablePayload, tenant: Tenant, { database }: Performance): Source {
  if (isTable(payload)) return tableSource(database, tenant, exportTables[payload.type], payload)
  return reportSource(async () => {
    const { readReport } = await import('./reports/index.ts')
    return withTenant(
      database.pool,
      tenant.id,
      (client) => readReport({ client, tenant, now: DateTime.utc() }, payload),
      'one instant',
    )
  })
}

const isTable = (payload: TablePayload): payload is Exclude<TablePayload, ReportPayload> => isTableExport(payload.type)

/** Read once, whichever format asks for it first. */
function reportSource(read: () => Promise<Report>): Source & { columns: Column[] } {
  const columns: Column[] = []
  return {
    columns,
    async csv(dialect) {
      const { sheet } = await read()
      columns.push(...sheet.columns)
      return { stream: sheetCsv(sheet, dialect), rows: () => sheet.rows.length, share: () => 0.5 }
    },
    report: read,
  }
}

function tableSource(
  database: Pick<Database, 'kind' | 'pool'>,
  tenant: Tenant,
  table: ExportTable,
  range: { readonly from: string; readonly to: string },
): Source {
  const [from, to] = [Date.parse(range.from), Date.parse(range.to)]
  return {
    columns: table.columns,
    async csv(dialect) {
      const { stream, rows, latest } = await tableCsv(database, tenant.id, table, range, dialect)
      const share = () => (latest() === '' ? 0 : (Date.parse(latest()) - from) / Math.max(1, to - from))
      return { stream, rows, share }
    },
    async report() {
      const { tableReport } = await import('./reports/table.ts')
      return tableReport(database, tenant, table, range)
    },
  }
}

/** The CSV of a source, with progress up to `most` percent, ended when the signal says so. */
async function watched(source: Source, dialect: CsvDialect, context: Performance, most: number) {
  const { stream, rows, share } = await source.csv(dialect)
  const timer = setInterval(() => context.onProgress(Math.min(1, share()) * most), PROGRESS_MS)
  stream.once('close', () => clearInterval(timer))
  return { stream: abortable(stream, context.signal), rows }
}

/** Destroys a stream when the signal is aborted, so that whoever reads or writes it fails with the reason. */
function abortable(stream: Readable, signal: AbortSignal): Readable {
  const abort = () => stream.destroy(signal.reason as Error)
  // Whoever reads it is told as well; until somebody does, the error is nobody's.
  stream.on('error', () => undefined)
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  stream.once('close', () => signal.removeEventListener('abort', abort))
  return stream
}
