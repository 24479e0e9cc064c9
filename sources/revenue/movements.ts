import { compare, type EndReason, type RevenueFact } from './facts.ts'
import { grouped } from './grouped.ts'
import type { Micro } from './money.ts'
import type { Timeline } from './timeline.ts'

export const movementTypes = ['new', 'reactivation', 'expansion', 'contraction', 'churn'] as const
export type MovementType = (typeof movementTypes)[number]
type Provider = RevenueFact['provider']

/** One change of one plan's value in one subscription: the ledger's smallest row. Their sums are MRR by anything. */
export type LedgerEntry = {
  customer: string
  currency: string
  at: string
  subscription: string
  plan: string
  product: string | null
  provider: Provider
  /** Micro-minor units, signed, never 0. */
  delta: Micro
  reason: EndReason | null
  provider_event_ids: string[]
}

/** All changes of one customer, currency and instant, netted and named. */
export type Movement = {
  customer: string
  currency: string
  at: string
  type: MovementType
  /** Micro-minor units, signed: contraction and churn are negative. mrr_before + delta = mrr_after. */
  delta: Micro
  mrr_before: Micro
  mrr_after: Micro
  /** Of the entry that moves most in the movement's direction. */
  subscription: string
  plan: string
  provider: Provider
  reason: EndReason | null
  provider_event_ids: string[]
}

/** A subscription's steps as differences, per plan and currency. */
export function entriesOf(timeline: Timeline, customer: string): LedgerEntry[] {
  const entries: LedgerEntry[] = []
  let before = new Map<string, { plan: string; product: string | null; currency: string; micro: Micro }>()
  for (const step of timeline.steps) {
    const after = new Map(step.values.map((value) => [`${value.currency} ${value.plan}`, value]))
    for (const key of [...new Set([...before.keys(), ...after.keys()])].sort(compare)) {
      const value = after.get(key) ?? before.get(key)
      const delta = (after.get(key)?.micro ?? 0n) - (before.get(key)?.micro ?? 0n)
      if (value === undefined || delta === 0n) continue
      const { plan, product, currency } = value
      const { subscription, provider } = timeline
      const provider_event_ids = [...new Set(step.event_ids)].sort(compare)
      const reason = delta < 0n && after.size === 0 ? step.end_reason : null
      entries.push({
        customer,
        currency,
        at: step.at,
        subscription,
        plan,
        product,
        provider,
        delta,
        reason,
        provider_event_ids,
      })
    }
    before = after
  }
  return entries
}

/**
 * Nets the entries of one customer per currency and instant and names each change (metrics.md, revenue, point 2; the
 * algorithm is Stripe's published one). A customer is one subscriber however many subscriptions and currencies: going from
 * nothing to something is new the first time and reactivation after; to nothing is churn; between, up is expansion and
 * down is contraction, so changing currency is both and neither new nor churn.
 */
export function movementsOf(entries: readonly LedgerEntry[]): Movement[] {
  const customers = grouped(entries, (entry) => entry.customer)
  return customers.flatMap(([, own]) => customerMovements(own)).sort(byMovement)
}

export const byMovement = (a: Movement, b: Movement): number =>
  compare(a.at, b.at) || compare(a.customer, b.customer) || compare(a.currency, b.currency)

function customerMovements(entries: readonly LedgerEntry[]): Movement[] {
  const movements: Movement[] = []
  const running = new Map<string, Micro>()
  const pays = (): boolean => [...running.values()].some((mrr) => mrr > 0n)
  let paidBefore = false
  for (const [at, instant] of grouped(entries, (entry) => entry.at)) {
    const before = pays()
    const drafts = grouped(instant, (entry) => entry.currency).flatMap(([currency, parts]) => {
      const delta = parts.reduce((total, part) => total + part.delta, 0n)
      const mrr_before = running.get(currency) ?? 0n
      running.set(currency, mrr_before + delta)
      return delta === 0n
        ? []
        : [{ at, currency, delta, mrr_before, mrr_after: mrr_before + delta, ...lead(parts, delta) }]
    })
    const after = pays()
    for (const draft of drafts) movements.push({ ...draft, type: name(before, after, paidBefore, draft.delta) })
    paidBefore ||= after
  }
  return movements
}

function name(before: boolean, after: boolean, paidBefore: boolean, delta: Micro): MovementType {
  if (!before) return paidBefore ? 'reactivation' : 'new'
  if (!after) return 'churn'
  return delta > 0n ? 'expansion' : 'contraction'
}

/** The particulars a movement shows, from its leading entry; the event ids of all of them. */
function lead(parts: readonly LedgerEntry[], delta: Micro) {
  const direction = delta < 0n ? -1n : 1n
  const [first] = [...parts].sort((a, b) => {
    const difference = (b.delta - a.delta) * direction
    return difference === 0n
      ? compare(`${a.subscription} ${a.plan}`, `${b.subscription} ${b.plan}`)
      : difference > 0n
        ? 1
        : -1
  })
  if (first === undefined) throw new RangeError('a movement needs an entry')
  const { customer, subscription, plan, provider, reason } = first
  const provider_event_ids = [...new Set(parts.flatMap((part) => part.provider_event_ids))].sort(compare)
  return { customer, subscription, plan, provider, reason, provider_event_ids }
}
