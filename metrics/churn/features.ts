/** Days without any tracked action that count as churn. */
export const HORIZON_DAYS = 30
/** Who is scored: members with a tracked action in this many days up to the score's day. */
export const POPULATION_DAYS = 30
/** How far back active days are counted. */
export const LOOKBACK_DAYS = 180

/**
 * What the score of one member on one local day is made of, counted from what had happened by the end of that day
 * (db/churn/features.sql). Days are local days.
 */
export interface MemberFacts {
  /** Since the latest day with a tracked action; 0: active on the day itself. */
  readonly days_since: number
  /** Days with an action in the 180 days up to the day, and from the first to the last of them. */
  readonly active_days: number
  readonly active_span: number
  /** Days with an action in the last 14 days, and in the 28 before them. */
  readonly recent_days: number
  readonly earlier_days: number
  /** Since the first tracked action. */
  readonly tenure_days: number
  /** Habit checks made in the last 14 days, and in the 28 before them. */
  readonly recent_checks: number
  readonly earlier_checks: number
  /** Conversations in which the member waits for a coach. */
  readonly unanswered: number
  /** Nudges of the last 14 days whose 24 hours passed without any action. */
  readonly ignored_nudges: number
  /** A failed charge in the last 30 days that no payment has followed. */
  readonly billing_issue: boolean
}

/**
 * The model's inputs, in the order of its coefficients. `group`: what is one reason to a reader. New ones go to the end:
 * a stored model has no coefficients for them, and scores as it did.
 */
export const features = [
  { name: 'recency', group: 'recency', title: 'Days since the last action, in units of the member’s usual gap (log)' },
  { name: 'silence', group: 'recency', title: 'Days since the last action (log)' },
  { name: 'frequency', group: 'activity', title: 'Active days in the last 42 days (log)' },
  { name: 'trend', group: 'activity', title: 'Active days: the last 14 days against the 28 before (log ratio)' },
  { name: 'tenure', group: 'tenure', title: 'Days since the first action (log)' },
  { name: 'adherence', group: 'habits', title: 'Habit checks: the last 14 days against the 28 before (log ratio)' },
  { name: 'unanswered', group: 'unanswered', title: 'Conversations waiting for a coach (log)' },
  { name: 'ignored_nudges', group: 'nudges', title: 'Nudges ignored in the last 14 days (log)' },
  { name: 'billing_issue', group: 'billing', title: 'An open billing issue (0 or 1)' },
  { name: 'history', group: 'activity', title: 'Active days in the last 180 days (log)' },
  {
    name: 'overdue',
    group: 'recency',
    title: 'Active days that the member’s own rate would have brought since the last (log)',
  },
  { name: 'dormant', group: 'recency', title: 'Silence beyond 30 days (log)' },
  { name: 'forgotten', group: 'recency', title: 'Silence beyond 90 days (log)' },
] as const

export type FeatureGroup = (typeof features)[number]['group']

/** Mean days between active days, drawn towards a week where there is little to go by. */
export function usualGap({ active_days, active_span }: Pick<MemberFacts, 'active_days' | 'active_span'>): number {
  return Math.max(1, (active_span + 7) / Math.max(1, active_days))
}

/** Log ratio of a 14-day count to half of the count of the 28 days before; 0 when both are none. */
const logRatio = (recent: number, earlier: number): number => Math.log((recent + 1) / (earlier / 2 + 1))

/** How many times longer than `days` the silence is, on a log scale; 0 below. Bends the effect of silence for who left long ago. */
const beyond = (silence: number, days: number): number => Math.max(0, Math.log((1 + silence) / (1 + days)))

/** The facts as the model sees them; every number is finite, 0 where a member has nothing of the kind. */
export function vectorOf(facts: MemberFacts): number[] {
  return [
    Math.log1p(facts.days_since / usualGap(facts)),
    Math.log1p(facts.days_since),
    Math.log1p(facts.recent_days + facts.earlier_days),
    logRatio(facts.recent_days, facts.earlier_days),
    Math.log1p(facts.tenure_days),
    logRatio(facts.recent_checks, facts.earlier_checks),
    Math.log1p(facts.unanswered),
    Math.log1p(facts.ignored_nudges),
    facts.billing_issue ? 1 : 0,
    Math.log(Math.max(1, facts.active_days)),
    Math.log1p((facts.active_days * facts.days_since) / (facts.active_span + facts.days_since + 7)),
    beyond(facts.days_since, 30),
    beyond(facts.days_since, 90),
  ]
}
