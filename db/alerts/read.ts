import type pg from 'pg'
import type { AlertRule, Labels } from '../../metrics/alerts/rule.ts'
import { type AlertStanding, labelsKey, type Observation } from '../../metrics/alerts/state.ts'
import { loadSql } from '../sql.ts'

type Row = { time: string; value: number | null } & Partial<Record<AlertRule['labels'][number], string>>

export interface TimedObservation extends Observation {
  /** ISO instant. */
  readonly time: string
}

/** A rule's series between two instants, in order of time; call inside a tenant transaction (`withTenant`). */
export async function readAlertSeries(
  client: pg.ClientBase,
  rule: AlertRule,
  from: Date,
  now: Date,
): Promise<TimedObservation[]> {
  const { rows } = await client.query<Row>(
    loadSql(rule.sql).bind({ from_at: from.toISOString(), now: now.toISOString() }),
  )
  return rows.flatMap((row) =>
    row.value === null ? [] : [{ labels: labelsOf(rule, row), time: row.time, value: row.value }],
  )
}

/** The latest row of each of a rule's series; empty: nothing to judge. Call inside a tenant transaction. */
export async function observeAlert(client: pg.ClientBase, rule: AlertRule, now: Date): Promise<Observation[]> {
  const from = new Date(now.getTime() - rule.windowSeconds * 1000)
  const latest = new Map<string, TimedObservation>()
  for (const row of await readAlertSeries(client, rule, from, now)) latest.set(labelsKey(row.labels), row)
  const newest = [...latest.values()].reduce((time, row) => (row.time > time ? row.time : time), '')
  // A series that ends before the others is over: it is not to be judged by an old value.
  return [...latest.values()].filter(({ time }) => time === newest)
}

const labelsOf = (rule: AlertRule, row: Row): Labels =>
  Object.fromEntries(rule.labels.map((label) => [label, row[label] ?? '']))

type StateRow = { rule: string; labels: Labels; state: AlertStanding['state']; since: string; value: number | null }

/** What the worker last found, by rule; call inside a tenant transaction. */
export async function readAlertStates(client: pg.ClientBase): Promise<Map<string, AlertStanding[]>> {
  const { rows } = await client.query<StateRow>(
    'select rule, labels, state, since, value from alert_states order by rule, labels',
  )
  const states = new Map<string, AlertStanding[]>()
  for (const { rule, ...standing } of rows) states.set(rule, [...(states.get(rule) ?? []), standing])
  return states
}
