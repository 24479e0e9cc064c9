import { foldDirty } from '../db/ledgers.ts'
import { foldRevenue } from '../db/revenue/fold.ts'
import type { WorkerContext } from './context.ts'
import { firstMarks, leaveRoom, nextMarks } from './pace.ts'

/** A run that has folded for this long lets others of its queue pass and asks to go on. */
const TURN_MS = 20_000
/** Ranges of this much time are refreshed together; hourly and daily readers see new rows before that anyway. */
const REFRESH_DELAY_MS = 1000

/**
 * Folds every member whose events arrived since the last run, and every customer whose provider events did, batch by
 * batch, then asks for a refresh of the aggregates that this touched. Each batch is a transaction of its own: stopping between two loses nothing.
 */
export async function foldLedgers(
  _payload: unknown,
  context: WorkerContext,
): Promise<{ members: number; revenue: number }> {
  const { pool } = context.database
  const started = performance.now()
  let members = 0
  let revenue = 0
  let isDone = false
  const { kind } = context.database
  let limit = firstMarks(kind)
  while (!isDone && !context.isClosing() && performance.now() - started < TURN_MS) {
    const began = performance.now()
    const batch = await foldDirty(pool, { limit })
    limit = nextMarks(kind, limit, performance.now() - began)
    members += batch.members
    const billing = await foldRevenue(pool)
    revenue += billing.events
    isDone = batch.members === 0 && billing.events === 0
    // Larger batches also cost less: a fold of ten batches' marks takes little longer than one of a single batch's.
    if (!isDone) await leaveRoom(context, performance.now() - began, 1, 5_000)
  }
  if (members + revenue > 0) await context.queues.add('refresh-aggregates', {}, { delayMs: REFRESH_DELAY_MS })
  if (!isDone && !context.isClosing()) context.queues.requestFold()
  return { members, revenue }
}
