import { setTimeout as wait } from 'node:timers/promises'
import { liveEvents } from '../../sources/simulator/live.ts'
import type { Twin } from '../../sources/simulator/twin.ts'
import { sendEvents, type Target } from '../send-events.ts'

const EVERY_MS = 3000
/** Time that is caught up with in one piece; a demo that was off for longer starts again this far back. */
const WINDOW_MS = 6 * 3_600_000
const MOST_BACK_MS = 14 * 24 * 3_600_000
const BATCH = 500

/**
 * Sends what the twin's members have done since `since`, then goes on as they live, until the signal. Event ids depend on
 * the seed and the time alone, so sending a window again changes nothing.
 */
export async function keepAlive(target: Target, twin: Twin, since: number, signal: AbortSignal): Promise<void> {
  let from = Math.max(since, Date.now() - MOST_BACK_MS)
  while (!signal.aborted) {
    const to = Math.min(Date.now(), from + WINDOW_MS)
    const events = liveEvents(twin, to, { since: from })
    for (let at = 0; at < events.length; at += BATCH)
      await sendEvents(target, JSON.stringify({ events: events.slice(at, at + BATCH) }))
    from = to
    if (Date.now() - to < EVERY_MS) await wait(EVERY_MS, undefined, { signal }).catch(() => undefined)
  }
}
