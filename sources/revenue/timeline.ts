import type { EndReason, RevenueFact, Standing } from './facts.ts'
import { type Micro, toMicro } from './money.ts'
import { isPositive, type Rational } from './rational.ts'

/** What one plan of a subscription is worth per month, in one currency. */
export type PlanValue = { plan: string; product: string | null; currency: string; exact: Rational; micro: Micro }

/** From `at` on, until the next step, the subscription stands so and is worth this. */
export type Step = {
  at: string
  standing: Standing
  /** The main plan, also while it is worth nothing (a trial). */
  plan: string | null
  values: PlanValue[]
  end_reason: EndReason | null
  event_ids: string[]
}

/** Something the figures cannot be fully trusted for; shown to finance, never guessed away. */
export type Issue = {
  subscription: string
  kind: 'unpriced' | 'discount_unknown' | 'items_truncated' | 'unknown_status' | 'no_period'
  detail: string
}

export type Timeline = {
  subscription: string
  provider: RevenueFact['provider']
  steps: Step[]
  /** End of the latest paid period, as far as known. */
  period_end: string | null
  issues: Issue[]
}

/** The one place where a monthly value is rounded. */
export const planValue = (plan: string, product: string | null, currency: string, exact: Rational): PlanValue[] =>
  isPositive(exact) ? [{ plan, product, currency, exact, micro: toMicro(exact) }] : []

/** Each issue once, in a fixed order. */
export function distinctIssues(issues: readonly Issue[]): Issue[] {
  const byText = new Map(issues.map((issue) => [`${issue.subscription} ${issue.kind} ${issue.detail}`, issue]))
  return [...byText.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, issue]) => issue)
}
