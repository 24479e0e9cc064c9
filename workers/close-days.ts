import { closeDays as closeEndedDays } from '../db/ledgers.ts'
import type { WorkerContext } from './context.ts'

/** The nightly close of every tenant whose local day has ended, in its own zone; then asks for the fold it needs. */
export async function closeDays(_payload: unknown, context: WorkerContext): Promise<{ members: number }> {
  const { members } = await closeEndedDays(context.database.pool)
  if (members > 0) context.queues.requestFold()
  return { members }
}
