import { readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { DateTime } from 'luxon'
import type pg from 'pg'
import { readFacts } from '../../db/churn/features.ts'
import { daysBetween } from '../../db/churn/score.ts'
import { jobOutcomes, readBacklog, reconcileEvents } from '../../db/jobs.ts'
import { periodRange } from '../../db/period.ts'
import { readMetric } from '../../db/reader.ts'
import { type Tenant, withTenant } from '../../db/tenant.ts'
import { metrics } from '../../metrics/catalog.ts'
import { ledgerRows, ledgerTables } from '../../test/support/ledger-rows.ts'
import { type Queues, queueNames } from '../../workers/queues.ts'
import type { Sent } from './traffic.ts'

const PATIENCE_MS = 120_000
const POLL_MS = 150
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

/** Sums of fractions over many members depend on their order in the last digit. */
const rounded = (_key: string, value: unknown): unknown =>
  typeof value === 'number' ? Number(value.toPrecision(12)) : value

/** Rows that only one side has, the first side's with +, the other's with -. */
function difference(mine: readonly string[], expected: readonly string[]): string[] {
  const [left, right] = [new Set(mine), new Set(expected)]
  return [
    ...expected.filter((row) => !left.has(row)).map((row) => `- ${row}`),
    ...mine.filter((row) => !right.has(row)).map((row) => `+ ${row}`),
  ]
}

/**
 * Scores are made once for each day, when it is over and nothing has arrived for two minutes: what a tenant has of them
 * depends on when somebody looks. What they are made of does not, and is compared instead.
 */
const scores = { table: 'churn_scores', aggregate: 'churn_daily' }

/** Every ledger and every metric of the tenant equals that of a twin to whom nothing happened. */
export async function sameAs(
  pool: pg.Pool,
  tenant: Tenant,
  control: Tenant,
  days: { from: string; to: string },
): Promise<string[]> {
  const tables = (await ledgerTables(pool)).filter((table) => table !== scores.table)
  const mine = await ledgerRows(pool, tables, tenant.id)
  const expected = await ledgerRows(pool, tables, control.id)
  const differing = tables.flatMap((table) => {
    const [row, other] = difference(mine[table] ?? [], expected[table] ?? [])
    return row === undefined ? [] : [`${table} (${row} ${other ?? ''})`]
  })
  if (Object.values(expected).every((rows) => rows.length === 0)) throw new Error('the control tenant has no rows')
  const wrong: string[] = []
  const now = DateTime.utc()
  for (const metric of metrics) {
    const granularity = metric.granularities.includes('day') ? 'day' : metric.granularities[0]
    if (!granularity || readFileSync(metric.sql, 'utf8').includes(scores.aggregate)) continue
    const read = ({ id, timezone }: Tenant) =>
      withTenant(pool, id, (client) =>
        readMetric(client, metric, { range: periodRange(days.from, days.to, granularity, timezone) }, now),
      )
    const points = async (of: Tenant) =>
      (await read(of)).flatMap((series) => series.points.map((p) => JSON.stringify(p, rounded)))
    const [point, other] = difference(await points(tenant), await points(control))
    if (point !== undefined) wrong.push(`${metric.name} (${point} ${other ?? ''})`)
  }
  const facts = async ({ id }: Tenant) =>
    (await readFacts(pool, { tenantId: id, days: daysBetween(days.from, days.to), knownDay: days.to })).map((row) =>
      JSON.stringify(row, rounded),
    )
  const [fact, otherFact] = difference(await facts(tenant), await facts(control))
  return [
    ...(differing.length > 0 ? [`ledgers differ from a fresh computation: ${differing.join(', ')}`] : []),
    ...(fact === undefined ? [] : [`what churn scores are made of differs: ${fact} ${otherFact ?? ''}`]),
    ...(wrong.length > 0 ? [`metrics differ from a fresh computation: ${wrong.join(', ')}`] : []),
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
