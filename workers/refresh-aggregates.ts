import { refreshTouched } from '../db/aggregates.ts'
import type { WorkerContext } from './context.ts'
import { leaveRoom } from './pace.ts'

/** Refreshes exactly what ingest and ledgers touched, and moves the aggregates on when a bucket has closed. */
export async function refreshAggregates(_payload: unknown, context: WorkerContext): Promise<{ ranges: number }> {
  const began = performance.now()
  const result = await refreshTouched(context.database.pool)
  if (result.ranges > 0) await leaveRoom(context, performance.now() - began, 3, 30_000)
  return result
}
