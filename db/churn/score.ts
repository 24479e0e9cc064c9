import { DateTime } from 'luxon'
import type pg from 'pg'
import { bandOf } from '../../metrics/churn/bands.ts'
import { churnProbability } from '../../metrics/churn/model.ts'
import { reasonsFor } from '../../metrics/churn/reasons.ts'
import { announceRefreshed, recordTouched } from '../ledgers.ts'
import { loadSql } from '../sql.ts'
import { inTransaction, withTenant } from '../tenant.ts'
import { type FactsRow, readFacts } from './features.ts'
import { type ModelInUse, readModels } from './models.ts'

const dueSql = loadSql(new URL('./due.sql', import.meta.url))
const storeSql = loadSql(new URL('./store-scores.sql', import.meta.url))

/** The first scoring, and one after an outage, goes back this far: enough for every rule and a quarter's chart. */
const CATCH_UP_DAYS = 90
/** Days whose facts are read by one statement. */
const DAYS_AT_ONCE = 10

/** A tenant with closed days that are not scored yet. Days are local. */
export interface DueTenant {
  readonly tenant_id: string
  readonly last_day: string
  readonly scored_day: string | null
  readonly fitted_day: string | null
}

/** Tenants whose last local day is over, fully counted and not scored. Cheap when nothing is due. */
export async function dueForScoring(pool: pg.Pool): Promise<DueTenant[]> {
  return (await pool.query<DueTenant>(dueSql.bind({}))).rows
}

const addDays = (day: string, days: number): string =>
  DateTime.fromISO(day, { zone: 'utc' }).plus({ days }).toISODate() ?? day

/** The days from one to another, both inclusive. */
export function daysBetween(from: string, to: string, step = 1): string[] {
  const days: string[] = []
  for (let day = from; day <= to; day = addDays(day, step)) days.push(day)
  return days
}

/**
 * Scores a tenant's members on every closed day that has no scores yet, at most 90 of them, with the model in use. A scored
 * day is never scored again. Returns how many scores were written.
 */
export async function scoreTenant(
  pool: pg.Pool,
  tenant: DueTenant,
  isClosing: () => boolean = () => false,
): Promise<{ days: number; scores: number }> {
  const { inUse: model } = await withTenant(pool, tenant.tenant_id, readModels)
  const earliest = addDays(tenant.last_day, 1 - CATCH_UP_DAYS)
  const next = tenant.scored_day === null ? earliest : addDays(tenant.scored_day, 1)
  const days = daysBetween(earliest, tenant.last_day).filter((day) => day >= next)
  let scores = 0
  for (let i = 0; i < days.length && !isClosing(); i += DAYS_AT_ONCE) {
    const part = days.slice(i, i + DAYS_AT_ONCE)
    const facts = await readFacts(pool, { tenantId: tenant.tenant_id, days: part, knownDay: tenant.last_day })
    // Nobody to score yet: a tenant whose history is still to be imported must not count as scored.
    const isEmpty = tenant.scored_day === null && scores === 0 && facts.length === 0
    if (isEmpty) continue
    await storeScores(
      pool,
      tenant.tenant_id,
      part,
      facts.map((row) => scoreOf(model, row)),
    )
    scores += facts.length
  }
  return { days: days.length, scores }
}

function scoreOf({ name, model }: ModelInUse, row: FactsRow) {
  const probability = churnProbability(model, row)
  return {
    user_id: row.user_id,
    day: row.day,
    probability,
    band: bandOf(probability),
    reasons: reasonsFor(model, row),
    last_action: row.last_day,
    model: name,
    plan: row.plan,
    coach_id: row.coach_id,
    cohort_week: row.cohort_week,
    cohort_month: row.cohort_month,
  }
}

async function storeScores(
  pool: pg.Pool,
  tenantId: string,
  days: readonly string[],
  scores: readonly ReturnType<typeof scoreOf>[],
): Promise<void> {
  const first = days[0]
  const last = days.at(-1)
  if (first === undefined || last === undefined) return
  await inTransaction(pool, async (client) => {
    await client.query(storeSql.bind({ tenant_id: tenantId, scored_day: last, scores: JSON.stringify(scores) }))
    if (scores.length === 0) return
    const range = { source: 'churn_scores', from: `${first}T00:00:00Z`, to: `${last}T00:00:00Z` }
    await recordTouched(client, [range], [tenantId])
    await announceRefreshed(client, [tenantId])
  })
}
