import type pg from 'pg'

/** Tables about members that are work lists, not ledgers. */
const workLists = ['dirty_members', 'ledger_openings']
/** Columns that say when a row was written. */
const clocks = ['received_at', 'updated_at']

/** Every table of schema analytics with a row per tenant and member: raw events (as enriched) and all ledgers. */
export async function ledgerTables(pool: pg.Pool): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>(
    `select c.relname as name
     from pg_class c
     join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'analytics'
     where c.relkind = 'r' and c.relname <> all($1)
       and (select count(*) from pg_attribute a where a.attrelid = c.oid and a.attname in ('tenant_id', 'user_id')) = 2
     order by 1`,
    [workLists],
  )
  return rows.map((row) => row.name)
}

/** All rows of a tenant in these tables as text, without the tenant's id: equal text, equal ledgers. */
export async function ledgerRows(
  pool: pg.Pool,
  tables: readonly string[],
  tenantId: string,
): Promise<Record<string, string[]>> {
  const union = tables
    .map(
      (table) =>
        `select '${table}' as name, to_jsonb(x) - 'tenant_id' - $2::text[] as row from analytics.${table} x where tenant_id = $1`,
    )
    .join(' union all ')
  const { rows } = await pool.query<{ name: string; rows: string[] }>(
    `select name, array_agg(row::text order by row::text) as rows from (${union}) r group by name`,
    [tenantId, clocks],
  )
  const found = new Map(rows.map((row) => [row.name, row.rows]))
  return Object.fromEntries(tables.map((table) => [table, found.get(table) ?? []]))
}
