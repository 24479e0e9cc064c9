import { setTimeout as sleep } from 'node:timers/promises'
import type { WorkerContext } from './context.ts'

const SLICE_MS = 200
/** Everybody waits for a fold on the embedded engine: about this long. */
const EMBEDDED_FOLD_MS = 1_000
const MARKS = { first: 250, fewest: 50, most: 2_000 } as const

type Kind = WorkerContext['database']['kind']

/** With how many marks a run's first fold begins. */
export const firstMarks = (kind: Kind): number => (kind === 'server' ? MARKS.most : MARKS.first)

/**
 * With how many marks the fold after one of `marks` that took `tookMs` begins: on a server always with the most, since a
 * fold of many costs less than several of few; on the embedded engine with as many as keep its session for a second.
 */
export function nextMarks(kind: Kind, marks: number, tookMs: number): number {
  if (kind === 'server') return MARKS.most
  const fitting = Math.round((marks * EMBEDDED_FOLD_MS) / Math.max(1, tookMs))
  return Math.min(MARKS.most, Math.max(MARKS.fewest, Math.min(fitting, marks * 2)))
}

/**
 * Leaves the embedded engine, whose one session everybody shares, to others for `factor` times as long as the work took
 * (at most `maxMs`): without it a bulk load would wait for a fold after each of its batches. A server needs no pause.
 */
export async function leaveRoom(context: WorkerContext, tookMs: number, factor: number, maxMs: number): Promise<void> {
  if (context.database.kind === 'server') return
  const until = performance.now() + Math.min(tookMs * factor, maxMs)
  while (performance.now() < until && !context.isClosing()) await sleep(Math.min(SLICE_MS, until - performance.now()))
}
