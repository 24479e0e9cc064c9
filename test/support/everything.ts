import type pg from 'pg'

/** The tables, of any schema, in which some row's text holds `needle`; also what the planner keeps of columns. */
export async function tablesWith(pool: pg.Pool, needle: string): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>(
    `select format('%I.%I', n.nspname, c.relname) as name
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'm', 'p')
       and (n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') or c.relname = 'pg_statistic')
       -- empty, and TimescaleDB cannot plan it: its chunks are in the list
       and c.relname not like '\\_compressed\\_hypertable\\_%'
     order by 1`,
  )
  const found: string[] = []
  for (const { name } of rows) {
    // Compressed rows are decoded through their chunk.
    const sql = `select count(*) as n from ${name} x where strpos(x::text, $1) > 0`
    if ((await pool.query<{ n: number }>(sql, [needle])).rows[0]?.n) found.push(name)
  }
  return found
}
