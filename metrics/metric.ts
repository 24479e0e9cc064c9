/** hour < day < week (ISO, Monday) < month, all in the tenant's calendar. */
export const granularities = ['hour', 'day', 'week', 'month'] as const
export type Granularity = (typeof granularities)[number]

/** The pillars of the business a metric belongs to, in the order dashboards show them. */
export const categories = ['engagement', 'goals', 'habits', 'ai', 'coaching', 'retention', 'revenue'] as const

/** Who may read a metric; admins read everything, a coach only his own members. */
export type MetricRole = 'admin' | 'coach' | 'finance'

export interface Unit {
  readonly kind: 'ratio' | 'count' | 'minutes' | 'seconds' | 'score' | 'days' | 'money'
}

/** What the business wants: the value itself, or its change against the previous period. */
export interface Target {
  readonly value: number
  readonly direction: 'at_least' | 'at_most'
  readonly of: 'value' | 'change'
}

/** What a member dimension groups by. `coach` is the only one a coach's token restricts. */
export const dimensionTitles = {
  plan: 'Plan',
  coach: 'Coach',
  cohort: 'Signup week',
  cohort_month: 'Signup month',
  week: 'Week after signing up',
  persona: 'AI persona',
  currency: 'Currency',
  provider: 'Billing provider',
} as const
export type Dimension = keyof typeof dimensionTitles

/** Plan, coach and signup cohort at the time of what is counted. */
export const memberDimensions: readonly Dimension[] = ['plan', 'coach', 'cohort', 'cohort_month']

/**
 * A metric: what it means, and the query that computes it. Everything else (route, OpenAPI, exports, Grafana panel, web
 * card, docs) is derived from this. The query takes :granularity, :grain, :from_at, :to_at, :from_day, :to_day,
 * :from_bucket, :to_bucket (to choose chunks), :today, :now, :group_by and :filters, reads relations of schema `tenant` unqualified, and returns rows `t` (timestamp: the period's
 * start), `key` (text: the group) and either `value` or `numerator` and `denominator`, all double precision.
 */
export interface Metric {
  readonly name: string
  readonly title: string
  readonly category: (typeof categories)[number]
  readonly unit: Unit
  /** One paragraph that a sceptical analyst can check the number against. */
  readonly definition: string
  readonly granularities: readonly Granularity[]
  readonly dimensions: readonly Dimension[]
  /** Whether numerators and denominators of groups sum to the ungrouped ones. */
  readonly additive: boolean
  /**
   * What a period without rows means: `zero` for counts, `null` for ratios (nothing to divide by) and for cells that are
   * not over yet.
   */
  readonly empty: 'zero' | 'null'
  readonly roles: readonly MetricRole[]
  readonly target?: Target
  /** Less is better (waiting, churn); without it a rise is good news. */
  readonly better?: 'lower'
  /** Cells appear once they are over; a running period has no point value instead of a partial one. */
  readonly matures?: true
  readonly sql: URL
}

/** Declares a metric beside its `.sql` file: `sqlOf(import.meta.url)` is the file of the same name. */
export const sqlOf = (module: string): URL => new URL(module.replace(/\.[jt]s$/, '.sql'))

/** Those of the metrics that can be cut by all of these: of another the uncut number would stand beside the cut ones. */
export const cuttable = (metrics: readonly Metric[], by: readonly string[]): Metric[] =>
  metrics.filter(({ dimensions }) => by.every((name) => dimensions.some((known) => known === name)))

/** Its pillar, and which way is good. */
export const meaningOf = ({ category, better }: Metric): Pick<Metric, 'category' | 'better'> => ({
  category,
  ...(better ? { better } : {}),
})
