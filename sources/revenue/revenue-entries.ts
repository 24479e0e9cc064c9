import type { Customers } from './customers.ts'
import { byTime, compare, type FactOf, ofKind, type RevenueFact } from './facts.ts'
import { type Micro, toMicro } from './money.ts'
import { isPositive, type Rational, rationalOf, subtract, sum } from './rational.ts'

/** Money that moved, beside MRR: what cohort revenue, LTV curves and one-time revenue are made of. */
export type RevenueEntry = {
  customer: string | null
  currency: string
  at: string
  /** `one_time` and `refund` make one_time_revenue; `recurring` is what subscriptions brought in, never MRR. */
  type: 'recurring' | 'one_time' | 'refund'
  /** Micro-minor units; refunds are negative. */
  amount: Micro
  subscription: string | null
  provider: RevenueFact['provider']
  provider_event_ids: string[]
}

type Payment = FactOf<'payment'>
type Refund = FactOf<'refund'>

/** Payments and refunds, each counted once however many objects and events told of it. */
export function revenueEntries(facts: readonly RevenueFact[], customers: Customers): RevenueEntry[] {
  const money = ofKind(facts, 'payment', 'refund').sort(byTime)
  return byDocument(money)
    .flatMap((group) => {
      const account = group.map((fact) => fact.account).find((candidate) => candidate !== null)
      const customer = account == null ? null : customers.of(account)
      return [...paid(ofKind(group, 'payment'), customer), ...returned(ofKind(group, 'refund'), customer)]
    })
    .sort(
      (a, b) =>
        compare(a.at, b.at) ||
        compare(a.provider_event_ids.join(), b.provider_event_ids.join()) ||
        compare(a.type, b.type),
    )
}

/** Facts that share a document are about the same money. */
function byDocument(facts: readonly (Payment | Refund)[]): (Payment | Refund)[][] {
  const groups: { documents: Set<string>; facts: (Payment | Refund)[] }[] = []
  const index = new Map<string, (typeof groups)[number]>()
  for (const fact of facts) {
    const found = [...new Set(fact.documents.flatMap((document) => index.get(document) ?? []))]
    const [home = { documents: new Set<string>(), facts: [] }, ...others] = found
    if (found.length === 0) groups.push(home)
    for (const other of others) {
      home.facts.push(...other.facts.splice(0))
      for (const document of other.documents) home.documents.add(document)
    }
    home.facts.push(fact)
    for (const document of fact.documents) home.documents.add(document)
    for (const document of home.documents) index.set(document, home)
  }
  return groups.filter((group) => group.facts.length > 0).map((group) => group.facts.sort(byTime))
}

/** The invoice knows most (tax, lines), then the checkout session, then the bare charge. */
function rank({ documents }: Payment): number {
  const has = (prefix: string): boolean => documents.some((document) => document.startsWith(prefix))
  return has('stripe:invoice:') ? 0 : has('stripe:checkout:') ? 1 : 2
}

function paid(payments: Payment[], customer: string | null): RevenueEntry[] {
  const ranked = [...payments].sort((a, b) => rank(a) - rank(b) || byTime(a, b))
  const [best] = ranked
  if (best === undefined) return []
  const provider_event_ids = [...new Set(payments.map((fact) => fact.event_id))].sort(compare)
  const { currency, at, subscription, provider } = best
  const entry = (type: RevenueEntry['type'], amount: Rational): RevenueEntry[] =>
    isPositive(amount)
      ? [{ customer, currency, at, type, amount: toMicro(amount), subscription, provider, provider_event_ids }]
      : []
  return [...entry('recurring', rationalOf(best.recurring)), ...entry('one_time', rationalOf(best.one_time))]
}

/** Refunds by id, the latest word on each; plus what a charge's running total adds to the refunds known by id. */
function returned(refunds: Refund[], customer: string | null): RevenueEntry[] {
  const latest = new Map<string, Refund>()
  const events = new Map<string, string[]>()
  const word = (a: Refund, b: Refund): number =>
    compare(a.reported_at, b.reported_at) || Number(b.stands) - Number(a.stands) || byTime(a, b)
  for (const fact of [...refunds].sort(word)) {
    if (fact.refund === null) continue
    latest.set(fact.refund, fact)
    events.set(fact.refund, [...(events.get(fact.refund) ?? []), fact.event_id])
  }
  const standing = [...latest.values()].filter((fact) => fact.stands)
  const entries = standing.map((fact) =>
    entryOf(fact, rationalOf(fact.amount), customer, events.get(fact.refund ?? '') ?? []),
  )
  let known = sum([...latest.values()].map((fact) => rationalOf(fact.amount)))
  for (const fact of refunds.filter((candidate) => candidate.cumulative).sort(byTime)) {
    const more = subtract(rationalOf(fact.amount), known)
    if (!isPositive(more)) continue
    known = rationalOf(fact.amount)
    entries.push(entryOf(fact, more, customer, [fact.event_id]))
  }
  return entries
}

function entryOf(fact: Refund, amount: Rational, customer: string | null, eventIds: readonly string[]): RevenueEntry {
  const { currency, at, provider } = fact
  const provider_event_ids = [...new Set(eventIds)].sort(compare)
  return {
    customer,
    currency,
    at,
    type: 'refund',
    amount: -toMicro(amount),
    subscription: null,
    provider,
    provider_event_ids,
  }
}
