import type { Catalogue } from '../catalogue.ts'
import { byTime, compare, type EndReason, type FactOf, ofKind, type RevenueFact } from '../facts.ts'
import type { RevenuePolicy } from '../policy.ts'
import { multiply, rationalOf } from '../rational.ts'
import { type Issue, type PlanValue, planValue, type Step, type Timeline } from '../timeline.ts'
import { periodFactor } from './period.ts'

type Purchase = FactOf<'purchase'>
type Ending = FactOf<'expiration' | 'revocation' | 'reinstatement'>
/** Something that happens to the subscription: a period begins, it ends, or its renewal is switched. */
type Mark = { at: string; rank: number; event_ids: string[] } & (
  | { does: 'begin'; purchase: Purchase }
  | { does: 'end'; expires_at: string | null; reason: EndReason }
  | { does: 'renew'; on: boolean }
)
/** Another subscription took over (see product-change.ts). */
export type Replacement = { at: string; event_ids: string[] }

/**
 * An app-store subscription's value over time. Periods are bought (INITIAL_PURCHASE, RENEWAL); it lasts until an
 * EXPIRATION, a refund or a replacement, not merely until a period's date has passed, since a renewal may be late.
 * Marks of the same instant go in RevenueCat's order (purchase, cancellation, expiration); an expiry that meets the next
 * renewal belongs to the period before it and ends nothing.
 */
export function revenuecatTimeline(
  facts: readonly RevenueFact[],
  replacements: readonly Replacement[],
  policy: RevenuePolicy,
  catalogue: Catalogue,
): Timeline {
  const purchases = ofKind(facts, 'purchase').sort(byTime)
  const subscription = purchases[0]?.subscription ?? ''
  const issues: Issue[] = []
  const value = (purchase: Purchase): PlanValue[] => {
    const valued = purchaseValue(purchase, purchases, policy, catalogue)
    if ('issue' in valued) issues.push({ subscription, kind: valued.issue, detail: purchase.product })
    return 'issue' in valued ? [] : valued.values
  }
  const marks = marksOf(facts, purchases, replacements).sort(byMark)
  const steps: Step[] = []
  let current: Purchase | null = null
  let ended: EndReason | null = null
  let leaving = false
  for (const mark of marks) {
    switch (mark.does) {
      case 'begin':
        ;[current, ended, leaving] = [mark.purchase, null, false]
        break
      case 'end':
        if (current === null || belongsToEarlierPeriod(mark.expires_at, current)) continue
        ended = mark.reason
        break
      case 'renew':
        leaving = !mark.on && policy.churn_recognised === 'request'
        break
      default:
        mark satisfies never
    }
    if (current === null) continue
    const standing = ended !== null ? 'ended' : current.period === 'trial' ? 'trial' : 'paying'
    const values = standing === 'paying' && !leaving ? value(current) : []
    const end_reason = ended ?? (leaving ? 'voluntary' : null)
    steps.push({ at: mark.at, standing, plan: current.product, values, end_reason, event_ids: mark.event_ids })
  }
  return { subscription, provider: 'revenuecat', steps: lastOfInstant(steps), period_end: periodEnd(facts), issues }
}

/** Of two periods bought in one instant, the one that lasts longer counts. */
const lastsTo = (mark: Mark): string => (mark.does === 'begin' ? (mark.purchase.expires_at ?? '9999') : '')

const byMark = (a: Mark, b: Mark): number =>
  compare(a.at, b.at) ||
  a.rank - b.rank ||
  compare(lastsTo(a), lastsTo(b)) ||
  compare(a.event_ids[0] ?? '', b.event_ids[0] ?? '')

function marksOf(facts: readonly RevenueFact[], purchases: Purchase[], replacements: readonly Replacement[]): Mark[] {
  const marks: Mark[] = purchases.map((purchase) => ({
    does: 'begin',
    at: beginOf(purchase, purchases),
    rank: 0,
    event_ids: [purchase.event_id],
    purchase,
  }))
  for (const fact of ofKind(facts, 'auto_renew')) {
    // A failed charge is being retried: nobody asked to leave.
    if (fact.reason === 'BILLING_ERROR') continue
    marks.push({ does: 'renew', on: fact.on, at: fact.at, rank: 1, event_ids: [fact.event_id] })
  }
  for (const end of endings(facts)) {
    const { expires_at, event_id } = end.fact
    marks.push({ does: 'end', at: end.at, rank: 2, expires_at, reason: end.reason, event_ids: [event_id] })
  }
  for (const { at, event_ids } of replacements) {
    marks.push({ does: 'end', at, rank: 3, expires_at: null, reason: 'voluntary', event_ids })
  }
  return marks
}

/** Stripe-store renewals after a product change repeat the first purchase's time; they begin when they were reported. */
function beginOf(purchase: Purchase, purchases: readonly Purchase[]): string {
  const repeats = purchases.some(
    (other) =>
      other.purchased_at === purchase.purchased_at &&
      other.reported_at < purchase.reported_at &&
      other.product !== purchase.product,
  )
  return repeats ? purchase.reported_at : purchase.at
}

type End = { fact: Ending; at: string; reason: EndReason }

/** Ends that stand. A reversed refund undoes the revocation and expiration it caused, unless the period is over anyway. */
function endings(facts: readonly RevenueFact[]): End[] {
  const reinstatements = ofKind(facts, 'reinstatement')
  const undone = (fact: Ending): boolean =>
    reinstatements.some((undo) => undo.transaction === fact.transaction && fact.reported_at <= undo.reported_at)
  const expirations = ofKind(facts, 'expiration').filter((fact) => fact.end_reason !== 'refund' || !undone(fact))
  const revocations = ofKind(facts, 'revocation').filter((fact) => !undone(fact))
  const lapsed = reinstatements.filter((fact) => fact.expires_at !== null && fact.expires_at <= fact.reported_at)
  return [
    ...expirations.map((fact) => ({ fact, at: expiryOf(fact, facts), reason: fact.end_reason })),
    ...revocations.map((fact) => ({ fact, at: earlier(fact.expires_at, fact.reported_at), reason: 'refund' as const })),
    ...lapsed.map((fact) => ({ fact, at: fact.expires_at ?? fact.reported_at, reason: 'unknown' as const })),
  ]
}

/** An expiration takes effect at the period's end, or the end of grace, but never after it was reported. */
function expiryOf(expiration: FactOf<'expiration'>, facts: readonly RevenueFact[]): string {
  const grace = ofKind(facts, 'billing_issue')
    .filter((issue) => issue.reported_at <= expiration.reported_at)
    .flatMap((issue) => issue.grace_until ?? [])
  const due = [...grace, ...(expiration.expires_at === null ? [] : [expiration.expires_at])].sort(compare).at(-1)
  return earlier(due ?? null, expiration.reported_at)
}

const earlier = (a: string | null, b: string): string => (a !== null && a < b ? a : b)

/** An expiration of a period that was over when the current one was bought says nothing about the current one. */
const belongsToEarlierPeriod = (expiresAt: string | null, current: Purchase): boolean =>
  expiresAt !== null && current.purchased_at >= expiresAt && current.expires_at !== expiresAt

type Valued = { values: PlanValue[] } | { issue: 'unpriced' | 'no_period' }

/** A price that was not sent is taken from the same product's previous purchase; without one it is reported, not guessed. */
function purchaseValue(
  purchase: Purchase,
  purchases: readonly Purchase[],
  policy: RevenuePolicy,
  catalogue: Catalogue,
): Valued {
  const factor = periodFactor(
    purchase.purchased_at,
    purchase.expires_at,
    catalogue.intervals.get(purchase.product),
    policy,
  )
  if (factor === null) return { issue: 'no_period' }
  const priced =
    purchase.amount !== null
      ? purchase
      : purchases.findLast(
          (other) =>
            other.amount !== null &&
            other.period === 'paid' &&
            other.product === purchase.product &&
            other.purchased_at <= purchase.purchased_at,
        )
  if (priced === undefined || priced.amount === null) return { issue: 'unpriced' }
  const monthly = multiply(rationalOf(priced.amount), factor)
  return { values: planValue(purchase.product, null, priced.currency, monthly) }
}

/** Only the last step of an instant lasts; it inherits the events of the others. */
function lastOfInstant(steps: readonly Step[]): Step[] {
  const merged: Step[] = []
  for (const step of steps) {
    const previous = merged.at(-1)
    if (previous?.at !== step.at) merged.push(step)
    else merged[merged.length - 1] = { ...step, event_ids: [...previous.event_ids, ...step.event_ids] }
  }
  return merged
}

function periodEnd(facts: readonly RevenueFact[]): string | null {
  const ends = ofKind(facts, 'purchase', 'extension').flatMap((fact) => fact.expires_at ?? [])
  return ends.sort(compare).at(-1) ?? null
}
