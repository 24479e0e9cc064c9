import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import type pg from 'pg'

/** The tables, of any schema, in which some row's text holds a needle; also what the planner keeps of columns. */
export async function tablesWith(pool: pg.Pool, needle: string | readonly string[]): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>(
    `select format('%I.%I', n.nspname, c.relname) as name
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'm', 'p')
       and (n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') or c.relname = 'pg_statistic')
       -- empty, and TimescaleDB cannot plan it: its chunks are in the list
       and c.relname not like '\\_compressed\\_hypertable\\_%'
     order by 1`,
  )
  const literal = (text: string) => text.replace(/[\\^$.*+?()[\]{}|-]/g, '\\$&')
  const pattern = [needle].flat().map(literal).join('|')
  const found: string[] = []
  for (const { name } of rows) {
    // Compressed rows are decoded through their chunk.
    const sql = `select count(*) as n from ${name} x  where x::text ~ $1`
    if ((await pool.query<{ n: number }>(sql, [pattern])).rows[0]?.n) found.push(name)
  }
  return found
}

/** Files under a directory whose bytes hold `needle`; Parquet by its decoded rows. Paths are relative to the directory. */
export async function filesWith(directory: string, needle: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => [])
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const found: string[] = []
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  const duck = await instance.connect()
  const literal = (text: string) => `'${text.replaceAll("'", "''")}'`
  for (const path of paths) {
    if (path.endsWith('.parquet')) {
      const read = await duck.runAndReadAll(
        `select count(*)::integer from read_parquet(${literal(path)}) x where contains(x::varchar, ${literal(needle)})`,
      )
      if (Number(read.getRows()[0]?.[0]) > 0) found.push(path)
    } else if ((await readFile(path)).includes(needle)) found.push(path)
  }
  duck.closeSync()
  instance.closeSync()
  return found.map((path) => path.slice(directory.length + 1)).sort()
}
