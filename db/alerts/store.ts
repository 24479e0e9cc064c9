import type pg from 'pg'
import type { AlertRule, Labels } from '../../metrics/alerts/rule.ts'
import { thresholdOf } from '../../metrics/alerts/settings.ts'
import { type AlertChange, type AlertStanding, evaluateAlert, type Observation } from '../../metrics/alerts/state.ts'
import { loadSql } from '../sql.ts'
import { inTransaction, type Tenant, withTenant } from '../tenant.ts'
import { observeAlert } from './read.ts'

const storeSql = loadSql(new URL('./store-states.sql', import.meta.url))
const dueSql = loadSql(new URL('./due-rules.sql', import.meta.url))

/** Two workers never judge one tenant's rules at the same time: each change of state is announced once. */
const ALERT_LOCK = 7_302_104

type KeptRow = AlertStanding & { readonly rule: string }

/** Which of the rules are to be evaluated for a tenant now: never, or not for as long as their interval says. */
export async function dueRules(
  pool: pg.Pool,
  tenantId: string,
  rules: readonly AlertRule[],
  now: Date,
): Promise<AlertRule[]> {
  const { rows } = await pool.query<{ rule: string; evaluated_at: string }>(dueSql.bind({ tenant_id: tenantId }))
  const last = new Map(rows.map(({ rule, evaluated_at }) => [rule, Date.parse(evaluated_at)]))
  return rules.filter((rule) => now.getTime() - (last.get(rule.name) ?? 0) >= rule.everySeconds * 1000)
}

/**
 * Evaluates rules for a tenant and keeps their state; alerts that began to fire or were resolved are written to the outbox in
 * the same transaction, so that none is lost and none announced twice. Returns the changes. A rule that the tenant has
 * switched off is forgotten, without a word.
 */
export async function evaluateRules(
  pool: pg.Pool,
  tenant: Tenant,
  rules: readonly AlertRule[],
  now: Date = new Date(),
): Promise<(AlertChange & { rule: string })[]> {
  const observed = new Map<string, Observation[]>()
  await withTenant(pool, tenant.id, async (client) => {
    for (const rule of rules)
      if (thresholdOf(rule, tenant.settings) !== undefined)
        observed.set(rule.name, await observeAlert(client, rule, now))
  })
  return inTransaction(pool, async (client) => {
    await client.query('select pg_advisory_xact_lock($1, hashtext($2))', [ALERT_LOCK, tenant.id])
    const kept = await readKept(client, tenant.id)
    const standings: (AlertStanding & { rule: string })[] = []
    const changes: (AlertChange & { rule: string; threshold: number })[] = []
    for (const rule of rules) {
      const threshold = thresholdOf(rule, tenant.settings)
      const observations = observed.get(rule.name)
      if (threshold === undefined || observations === undefined) continue
      const result = evaluateAlert(rule, threshold, kept.get(rule.name) ?? [], observations, now.toISOString())
      standings.push(...result.standings.map((standing) => ({ rule: rule.name, ...standing })))
      changes.push(...result.changes.map((change) => ({ rule: rule.name, threshold, ...change })))
    }
    await client.query(
      storeSql.bind({
        tenant_id: tenant.id,
        rules: rules.map(({ name }) => name),
        standings: JSON.stringify(standings),
        changes: JSON.stringify(changes.map(({ startedAt, ...change }) => ({ ...change, started_at: startedAt }))),
        now: now.toISOString(),
      }),
    )
    return changes
  })
}

async function readKept(client: pg.PoolClient, tenantId: string): Promise<Map<string, AlertStanding[]>> {
  const { rows } = await client.query<KeptRow & { labels: Labels }>(
    'select rule, labels, state, since, value from analytics.alert_states where tenant_id = $1',
    [tenantId],
  )
  const kept = new Map<string, AlertStanding[]>()
  for (const { rule, ...standing } of rows) kept.set(rule, [...(kept.get(rule) ?? []), standing])
  return kept
}
