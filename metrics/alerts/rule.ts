import type { MetricRole, Unit } from '../metric.ts'

export const severities = ['info', 'warning', 'critical'] as const
export type Severity = (typeof severities)[number]

/**
 * An alert rule: what it watches and when it fires. Everything else (the API's `/alerts`, the worker that evaluates and
 * announces, the Grafana rule) is derived from this.
 *
 * The query is time-series form: it may take :from_at and :now (timestamptz), reads relations of schema `tenant` unqualified
 * for one tenant, and returns rows `time` (timestamptz, in [from_at, now]), the columns named by `labels` (text) and
 * `value` (double precision, never null), in order of time. The latest row of each combination of labels counts. No rows:
 * nothing to judge (`no_data`). It fires while `value` is above the threshold, once that has lasted for `forSeconds`.
 */
export interface AlertRule {
  readonly name: string
  readonly title: string
  readonly category: 'churn' | 'engagement' | 'coaching' | 'revenue' | 'platform'
  readonly severity: Severity
  /** What it means that the rule fires: a sentence or two. */
  readonly description: string
  /** What to do about it. */
  readonly action: string
  readonly unit: Unit
  /** Fires above this. A tenant's own: setting `alerts.<name>`, a number, or false to switch the rule off. */
  readonly threshold: number
  readonly forSeconds: number
  /** How often it is evaluated. */
  readonly everySeconds: number
  /** How far before now the query looks for its latest row (:from_at = now − this). */
  readonly windowSeconds: number
  /** What the query knows of the past: its whole series at once, its number at any one instant (:now), or nothing. */
  readonly past: 'series' | 'instants' | 'none'
  /** Text columns that tell the series of one rule apart. */
  readonly labels: readonly ('coach' | 'job')[]
  /** Who may see it; a coach sees only the series labelled with that coach. */
  readonly roles: readonly MetricRole[]
  readonly sql: URL
}

export type Labels = Readonly<Partial<Record<AlertRule['labels'][number], string>>>

export const MINUTE = 60
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR
