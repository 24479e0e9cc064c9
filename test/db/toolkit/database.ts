import type { QueryResultRow } from 'pg'
import type { Toolkit } from '../../../db/toolkit.ts'
import { openTestDatabase, type TestDatabase } from '../../support/database.ts'

export interface ToolkitDatabase extends TestDatabase {
  /** Which implementation this run's engine has; the shim promises a little more than the extension. */
  readonly toolkit: Toolkit
  /** The only row of a query; throws if there is none. */
  one<Row extends QueryResultRow>(sql: string, parameters?: readonly unknown[]): Promise<Row>
}

export async function openToolkitDatabase(): Promise<ToolkitDatabase> {
  const database = await openTestDatabase({ poolSize: 2 })
  async function one<Row extends QueryResultRow>(sql: string, parameters: readonly unknown[] = []): Promise<Row> {
    const { rows } = await database.pool.query<Row>(sql, [...parameters])
    if (!rows[0]) throw new Error('the query returned no row')
    return rows[0]
  }
  const { extension } = await one<{ extension: boolean }>(
    `select exists (select from pg_extension where extname = 'timescaledb_toolkit') as extension`,
  )
  return { ...database, toolkit: extension ? 'extension' : 'shim', one }
}
