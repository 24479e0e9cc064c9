import { rawDays, reconcileEvents } from '../db/jobs.ts'
import { checkRevenue } from '../db/revenue/check.ts'
import type { WorkerContext } from './context.ts'
import type { Payload } from './queues.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
/** A day is compared once it has been over for this long: its last bucket has closed and settled by then. */
const SETTLED_AFTER = 2 * HOUR

/** Days (UTC midnights, ms) to compare: the last settled one, and others of the stored history at random. */
export function sampleDays(first: number, last: number, count: number, random: () => number = Math.random): number[] {
  const days = Array.from({ length: Math.max(0, Math.floor((last - first) / DAY) + 1) }, (_, i) => first + i * DAY)
  const sample = new Set(days.slice(-1))
  while (sample.size < Math.min(count, days.length)) {
    const day = days[Math.floor(random() * days.length)]
    if (day !== undefined) sample.add(day)
  }
  return [...sample].sort((a, b) => a - b)
}

/**
 * Compares the hourly event aggregate with the raw events of sampled days. They must agree to the last event, so a
 * difference is an error: the job fails, which metrics and readiness show. Days with a refresh outstanding are left out.
 */
export async function reconcile(payload: Payload<'reconcile'>, context: WorkerContext): Promise<{ compared: number }> {
  const { pool } = context.database
  await reconcileRevenue(context)
  const stored = await rawDays(pool)
  if (!stored) return { compared: 0 }
  const lastSettled = Math.floor((Date.now() - SETTLED_AFTER) / DAY) * DAY - DAY
  const days = sampleDays(stored.first, Math.min(stored.last, lastSettled), payload.days)
  const wrong: string[] = []
  let compared = 0
  for (const day of days) {
    if (context.isClosing()) break
    const { pending, differing, sample } = await reconcileEvents(pool, new Date(day), new Date(day + DAY))
    if (pending) continue
    compared += 1
    if (differing === 0) continue
    const date = new Date(day).toISOString().slice(0, 10)
    wrong.push(date)
    context.logger.error({ day: date, differing, sample }, 'an aggregate differs from its raw events')
  }
  if (wrong.length > 0) throw new Error(`events_hourly differs from raw events on ${wrong.join(', ')}`)
  return { compared }
}

/** The MRR ledger must close for every tenant, currency and day; what does not is an alert, not a rounding matter. */
async function reconcileRevenue({ database, logger }: WorkerContext): Promise<void> {
  const findings = await checkRevenue(database.pool)
  for (const finding of findings) logger.error(finding, 'the MRR ledger does not close')
  if (findings.length > 0) throw new Error(`the MRR ledger does not close: ${findings[0]?.finding}`)
}
