import type pg from 'pg'
import { type Firing, type Precision, precisionOf, rehearse, type ScoredDay } from '../../metrics/alerts/rehearse.ts'
import { type AlertRule, HOUR } from '../../metrics/alerts/rule.ts'
import type { Observation } from '../../metrics/alerts/state.ts'
import { HORIZON_DAYS } from '../../metrics/churn/features.ts'
import { loadSql } from '../sql.ts'
import { type Tenant, withTenant } from '../tenant.ts'
import { observeAlert, readAlertSeries } from './read.ts'

const scoredDaysSql = loadSql(new URL('./scored-days.sql', import.meta.url))

export interface Rehearsal {
  /** How many times there was something to judge. */
  readonly judged: number
  readonly firings: readonly Firing[]
  /** Of rules about churn only. */
  readonly precision: Precision | undefined
}

/**
 * When a rule would have fired for a tenant between two instants with a threshold, on the history that is kept. Rules that
 * give their number at an instant are asked every hour. Throws for a rule that knows no past.
 */
export async function rehearseRule(
  pool: pg.Pool,
  tenant: Tenant,
  rule: AlertRule,
  threshold: number,
  { from, to }: { readonly from: Date; readonly to: Date },
): Promise<Rehearsal> {
  const moments = new Map<string, Observation[]>()
  await withTenant(pool, tenant.id, async (client) => {
    if (rule.past === 'none')
      throw new Error(`${rule.name} is judged as of now: nothing is kept that it could be rehearsed on`)
    if (rule.past === 'series')
      for (const { time, ...observation } of await readAlertSeries(client, rule, from, to))
        moments.set(time, [...(moments.get(time) ?? []), observation])
    else
      for (let at = from.getTime(); at <= to.getTime(); at += HOUR * 1000) {
        const observations = await observeAlert(client, rule, new Date(at))
        if (observations.length > 0) moments.set(new Date(at).toISOString(), observations)
      }
  })
  const firings = rehearse(
    rule,
    threshold,
    [...moments].map(([time, observations]) => ({ time, observations })),
  )
  return {
    judged: moments.size,
    firings,
    precision:
      rule.category === 'churn' ? precisionOf(firings, await readScoredDays(pool, tenant, from, to)) : undefined,
  }
}

async function readScoredDays(pool: pg.Pool, tenant: Tenant, from: Date, to: Date): Promise<ScoredDay[]> {
  const { rows } = await pool.query<ScoredDay>(
    scoredDaysSql.bind({
      tenant_id: tenant.id,
      from_at: from.toISOString(),
      to_at: to.toISOString(),
      horizon_days: HORIZON_DAYS,
    }),
  )
  return rows
}
