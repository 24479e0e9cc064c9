import { finished, pipeline, Readable } from 'node:stream'
import pg from 'pg'
import copyStreams from 'pg-copy-streams'
import type { Database } from '../database.ts'
import { heldRows } from '../held-rows.ts'
import { beginTenant, withTenant } from '../tenant.ts'
import { CsvLines } from './csv-lines.ts'
import type { ExportTable } from './tables.ts'

/** Rows that the embedded engine gives at a time; between two fetches others have their turn. */
const FETCH_ROWS = 1_000

/** Which rows: those of a range, and of the relations that have them also of a band or a coach. */
export interface TableRange {
  readonly from: string
  readonly to: string
  readonly band?: string | undefined
  readonly coach?: string | undefined
}

const valuesOf = ({ from, to, band, coach }: TableRange) => ({ from, to, band: band ?? null, coach: coach ?? null })

export interface CsvDialect {
  readonly lineEnd: 'crlf' | 'lf'
  /** Disarm text that a spreadsheet would run as a formula. */
  readonly spreadsheetSafe: boolean
}

export interface TableCsv {
  /** UTF-8 with a header. Destroying it ends the query. */
  readonly stream: Readable
  /** Data rows so far. */
  rows(): number
  /** First column of a recent row, or ''. */
  latest(): string
}

type Source = Pick<Database, 'kind' | 'pool'>

const statementOf = (table: ExportTable, range: TableRange): string =>
  table.sql.render(
    Object.fromEntries(
      Object.entries(valuesOf(range)).map(([name, value]) => [name, value === null ? 'null' : pg.escapeLiteral(value)]),
    ),
  )

/**
 * A relation as CSV, as of one instant, with memory that does not grow with its rows: COPY on a server; on the embedded
 * engine, which has no COPY, the same lines from a held cursor, so that its one session is not held for longer than a page.
 */
export async function tableCsv(
  database: Source,
  tenantId: string,
  table: ExportTable,
  range: TableRange,
  dialect: CsvDialect,
): Promise<TableCsv> {
  const plain = statementOf(table, range)
  const query = dialect.spreadsheetSafe ? disarmed(plain, table) : plain
  const { pool } = database
  const copied =
    database.kind === 'server'
      ? await copyOut(pool, tenantId, query)
      : Readable.from(linesOf(pool, tenantId, query, table))
  const lines = new CsvLines(dialect.lineEnd)
  // Errors travel on to whoever reads `lines`.
  pipeline(copied, lines, () => undefined)
  return { stream: lines, rows: () => Math.max(0, lines.records - 1), latest: () => lines.latest }
}

/** The first rows of a relation, as objects. */
export function tableHead(
  database: Source,
  tenantId: string,
  table: ExportTable,
  range: TableRange,
  limit: number,
): Promise<Record<string, unknown>[]> {
  return withTenant(database.pool, tenantId, async (client) => {
    const bound = table.sql.bind(valuesOf(range))
    const { rows } = await client.query<Record<string, unknown>>(`${bound.text} limit ${Number(limit)}`, bound.values)
    return rows
  })
}

/** Column names are ours; values stay in the inner query. */
function disarmed(query: string, table: ExportTable): string {
  const columns = table.columns.map(({ name, type }) =>
    type === 'text' ? `tenant.spreadsheet_safe(${name}) as ${name}` : name,
  )
  return `select ${columns.join(', ')} from (${query}) r`
}

async function copyOut(pool: pg.Pool, tenantId: string, query: string): Promise<Readable> {
  const client = await pool.connect()
  try {
    await beginTenant(client, tenantId, 'one instant')
    const copy = client.query(copyStreams.to(`copy (${query}) to stdout with (format csv, header)`))
    finished(copy, (error) => {
      // A connection in the middle of a copy cannot be used again; closing it ends the query.
      if (error) client.release(true)
      else
        client.query('commit').then(
          () => client.release(),
          (broken: Error) => client.release(broken),
        )
    })
    return copy
  } catch (error) {
    client.release(true)
    throw error
  }
}

/** What COPY would write, by the same casts and quotes. */
async function* linesOf(pool: pg.Pool, tenantId: string, query: string, { columns }: ExportTable) {
  const fields = columns.map(({ name, type }) => {
    if (type !== 'text') return `coalesce(${name}::text, '')`
    const quoted = `'"' || replace(${name}, '"', '""') || '"'`
    return `coalesce(case when ${name} = '' or ${name} ~ '[,"\\n\\r]' then ${quoted} else ${name} end, '')`
  })
  const lines = `select concat_ws(',', ${fields.join(', ')}) as line from (${query}) r`
  yield `${columns.map(({ name }) => name).join()}\n`
  const begin = (client: pg.PoolClient) => beginTenant(client, tenantId, 'one instant')
  for await (const page of heldRows<{ line: string }>(pool, lines, { page: FETCH_ROWS, begin }))
    yield page.map(({ line }) => `${line}\n`).join('')
}
