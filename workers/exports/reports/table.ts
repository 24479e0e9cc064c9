import { DateTime } from 'luxon'
import type { Database } from '../../../db/database.ts'
import { type TableRange, tableHead } from '../../../db/exports/stream.ts'
import type { ColumnType, ExportTable } from '../../../db/exports/tables.ts'
import { type Tenant, withTenant } from '../../../db/tenant.ts'
import type { Report } from '../report.ts'
import { frame } from './context.ts'

/** Rows a PDF shows: nobody reads more on paper. */
const ROWS_SHOWN = 1_000

/** The first rows of a relation, for pages; CSV and Parquet stream all of it. */
export async function tableReport(
  database: Pick<Database, 'kind' | 'pool'>,
  tenant: Tenant,
  table: ExportTable,
  range: TableRange,
): Promise<Report> {
  const found = await tableHead(database, tenant.id, table, range, ROWS_SHOWN + 1)
  const rows = found.slice(0, ROWS_SHOWN)
  const now = DateTime.utc()
  const framed = await withTenant(database.pool, tenant.id, (client) => frame({ client, tenant, now }, []))
  const isText = (type: string) => type === 'text' || type === 'date' || type === 'timestamp'
  return {
    ...framed,
    title: table.title,
    range: `${range.from} – ${range.to} (exclusive)`,
    cards: [],
    charts: [],
    chartsPerRow: 1,
    tables: [
      {
        title: table.title,
        columns: table.columns.map(({ title, type }) => ({ title, align: isText(type) ? 'left' : 'right' })),
        rows: rows.map((row) => table.columns.map(({ name, type }) => ({ text: shown(row[name], type) }))),
      },
    ],
    definitions: [{ title: table.title, text: table.definition }],
    notes: [
      ...framed.notes,
      ...(found.length > ROWS_SHOWN ? [`The first ${ROWS_SHOWN} rows are shown; CSV and Parquet have all.`] : []),
    ],
    sheet: { columns: table.columns, rows: [] },
  }
}

const rounded = new Intl.NumberFormat('en', { maximumFractionDigits: 4, useGrouping: false })

/** A page has four places of a fraction; CSV and Parquet have all. */
function shown(value: unknown, type: ColumnType): string {
  if (value === null || value === undefined) return ''
  return type === 'double' ? rounded.format(Number(value)) : String(value)
}
