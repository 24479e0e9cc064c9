import { setTimeout as sleep } from 'node:timers/promises'
import type { WorkerContext } from './context.ts'

const SLICE_MS = 200

/**
 * Leaves the embedded engine, whose one session everybody shares, to others for `factor` times as long as the work took
 * (at most `maxMs`): without it a bulk load would wait for a fold after each of its batches. A server needs no pause.
 */
export async function leaveRoom(context: WorkerContext, tookMs: number, factor: number, maxMs: number): Promise<void> {
  if (context.database.kind === 'server') return
  const until = Date.now() + Math.min(tookMs * factor, maxMs)
  while (Date.now() < until && !context.isClosing()) await sleep(Math.min(SLICE_MS, until - Date.now()))
}
