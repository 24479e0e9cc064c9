import { setTimeout as wait } from 'node:timers/promises'
import { DateTime } from 'luxon'
import type pg from 'pg'
import { jobOutcomes, readBacklog, reconcileEvents } from '../../db/jobs.ts'
import type { Tenant } from '../../db/tenant.ts'
import { type Queues, queueNames } from '../../workers/queues.ts'
import type { Sent } from './traffic.ts'

const PATIENCE_MS = 120_000
const POLL_MS = 250
/** A job that has been running for longer than any job of so little data may take is stuck. */
const STUCK_MS = 60_000

/** Ranges that reach into buckets which are still open stay on the list until those close. */
const waitingRanges = `select count(*) as ranges from analytics.touched_ranges where from_at < now() - interval '60 hours'`

/** Waits until everything acknowledged is counted: no marks, no closed ranges. The database may still be recovering. */
export async function settled(pool: pg.Pool): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const backlog = await readBacklog(pool).catch(() => undefined)
    const waiting = await pool.query<{ ranges: number }>(waitingRanges).catch(() => undefined)
    if (backlog?.dirty_marks === 0 && waiting?.rows[0]?.ranges === 0) return
    if (Date.now() > deadline) {
      const failing = (await jobOutcomes(pool)).filter(({ consecutive_failures }) => consecutive_failures > 0)
      throw new Error(
        `the workers did not catch up: ${JSON.stringify(backlog)}, failing jobs: ${JSON.stringify(failing)}`,
      )
    }
    await wait(POLL_MS)
  }
}

/** What was acknowledged is stored exactly once, and what was given up is stored as a whole or not at all. */
export async function storedOnce(pool: pg.Pool, tenant: Tenant, sent: Sent): Promise<string[]> {
  const { rows } = await pool.query<{ event_id: string; copies: number }>(
    'select event_id, count(*) as copies from analytics.events where tenant_id = $1 group by 1',
    [tenant.id],
  )
  const stored = new Map(rows.map(({ event_id, copies }) => [event_id, copies]))
  const lost = [...sent.acknowledged].filter((id) => !stored.has(id))
  const doubled = [...stored].filter(([, copies]) => copies > 1)
  const torn = sent.abandoned.filter((ids) => {
    const kept = ids.filter((id) => stored.has(id)).length
    return kept > 0 && kept < ids.length
  })
  const known = new Set([...sent.acknowledged, ...sent.abandoned.flat()])
  const invented = [...stored.keys()].filter((id) => !known.has(id))
  return [
    ...(lost.length > 0 ? [`${lost.length} acknowledged events are not stored (${lost[0]})`] : []),
    ...(doubled.length > 0 ? [`${doubled.length} events are stored more than once (${doubled[0]?.[0]})`] : []),
    ...(torn.length > 0 ? [`${torn.length} batches are stored in part`] : []),
    ...(invented.length > 0 ? [`${invented.length} events were never sent (${invented[0]})`] : []),
  ]
}

/** Aggregates equal raw events, hour by hour. */
export async function reconciled(pool: pg.Pool, days: { from: string; to: string }): Promise<string[]> {
  const instant = (day: string, plus: number) => DateTime.fromISO(day, { zone: 'utc' }).plus({ days: plus }).toJSDate()
  const { pending, differing } = await reconcileEvents(pool, instant(days.from, -1), instant(days.to, 1))
  return pending || differing === 0 ? [] : [`${differing} hours of the event aggregate differ from raw events`]
}

/** No job is left running that nobody runs. */
export async function noneStuck(queues: Queues): Promise<string[]> {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const stuck: string[] = []
    for (const name of queueNames)
      for (const job of await queues.get(name).getActive())
        if (Date.now() - (job.processedOn ?? 0) > STUCK_MS) stuck.push(`${name}/${job.name}`)
    if (stuck.length === 0) return []
    if (Date.now() > deadline) return [`jobs are stuck in running: ${stuck.join(', ')}`]
    await wait(1_000)
  }
}
