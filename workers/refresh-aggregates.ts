import { refreshTouched } from '../db/aggregates.ts'
import type { WorkerContext } from './context.ts'

/** Refreshes exactly what ingest and ledgers touched, and moves the aggregates on when a bucket has closed. */
export function refreshAggregates(_payload: unknown, context: WorkerContext): Promise<{ ranges: number }> {
  return refreshTouched(context.database.pool)
}
