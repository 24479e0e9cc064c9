import { vacuumTables } from '../db/jobs.ts'
import type { WorkerContext } from './context.ts'

/** What autovacuum does on a server, on the embedded engine. */
export async function vacuum(_payload: unknown, { database }: WorkerContext): Promise<{ tables: number }> {
  return database.kind === 'embedded' ? vacuumTables(database.pool) : { tables: 0 }
}
