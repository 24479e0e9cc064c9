export interface TableRead {
  readonly schema: string
  readonly name: string
  /** Column that moves with every change of a row, and the columns of the primary key. */
  readonly version: string
  readonly key: readonly string[]
}

export interface RestApi {
  readonly url: string
  readonly key: string
  readonly token: () => Promise<string>
  readonly signal: AbortSignal
}

export type Row = Record<string, unknown>

const PAGE = 1000
const TIMEOUT_MS = 60_000

/**
 * Pages of the rows whose version is `since` (ISO) or later, oldest first, through PostgREST. Each page begins after the
 * last row of the one before, by version and key: rows that change meanwhile move to the end and are met again there.
 */
export async function* changedRows(
  api: RestApi,
  table: TableRead,
  since: string | undefined,
): AsyncGenerator<readonly Row[]> {
  const columns = [table.version, ...table.key]
  let filter: readonly [string, string] | undefined = since === undefined ? undefined : [table.version, `gte.${since}`]
  for (;;) {
    const rows = await page(api, table, columns, filter)
    if (rows.length > 0) yield rows
    const last = rows.at(-1)
    if (rows.length < PAGE || !last) return
    filter = ['or', after(columns, last)]
  }
}

async function page(
  { url, key, token, signal }: RestApi,
  { schema, name, version }: TableRead,
  columns: readonly string[],
  filter: readonly [string, string] | undefined,
): Promise<Row[]> {
  const query = new URLSearchParams({
    select: '*',
    order: columns.map((column) => `${column}.asc`).join(','),
    limit: `${PAGE}`,
  })
  if (filter) query.append(...(filter as [string, string]))
  // Rows without a version cannot be told apart from old ones.
  else query.append(version, 'not.is.null')
  const headers = {
    apikey: key,
    authorization: `Bearer ${await token()}`,
    'accept-profile': schema,
    accept: 'application/json',
  }
  const address = `${url.replace(/\/$/, '')}/rest/v1/${encodeURIComponent(name)}?${query}`
  const response = await fetch(address, {
    headers,
    redirect: 'error',
    // Node 20 may collect a signal made of others while it is waited for: the run's own is checked between pages.
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  signal.throwIfAborted()
  if (!response.ok) {
    await response.body?.cancel()
    throw new Error(`PostgREST answers ${response.status} for ${schema}.${name}`)
  }
  const rows: unknown = await response.json()
  if (!Array.isArray(rows)) throw new Error(`PostgREST gives no rows for ${schema}.${name}`)
  return rows as Row[]
}

/** (a, b, c) > (x, y, z) in PostgREST's words. */
function after(columns: readonly string[], row: Row): string {
  const is = (column: string, operator: 'eq' | 'gt') => `${column}.${operator}.${quoted(row[column])}`
  const cases = columns.map((column, i) => {
    const parts = [...columns.slice(0, i).map((name) => is(name, 'eq')), is(column, 'gt')]
    return parts.length === 1 ? parts[0] : `and(${parts.join(',')})`
  })
  return `(${cases.join(',')})`
}

const quoted = (value: unknown): string => `"${String(value).replace(/["\\]/g, '\\$&')}"`
