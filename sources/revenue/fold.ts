import { type BridgeDay, bridge, type DailyValue, dailyValues, utcDay } from './bridge.ts'
import { type Catalogue, catalogueOf, planName } from './catalogue.ts'
import { type Customers, customersOf } from './customers.ts'
import { byTime, compare, ofKind, type RevenueFact, type Standing } from './facts.ts'
import type { Micro } from './money.ts'
import { entriesOf, type LedgerEntry, type Movement, movementsOf } from './movements.ts'
import { DEFAULT_POLICY, policyVersion, type RevenuePolicy } from './policy.ts'
import { type RevenueEntry, revenueEntries } from './revenue-entries.ts'
import { productChanges } from './revenuecat/product-change.ts'
import { revenuecatTimeline } from './revenuecat/timeline.ts'
import { stripeTimeline } from './stripe/timeline.ts'
import { distinctIssues, type Issue, type Timeline } from './timeline.ts'
import { type Trial, trialsOf } from './trials.ts'

/** A subscription as it stands after all of its events (dim_subscription). */
export type SubscriptionSummary = {
  subscription: string
  customer: string
  provider: RevenueFact['provider']
  plan: string | null
  plan_name: string | null
  standing: Standing
  /** Micro-minor units per currency. */
  mrr: Record<string, Micro>
  started_at: string
  first_paid_at: string | null
  ended_at: string | null
  period_end: string | null
}

export type Fold = {
  policy_version: string
  movements: Movement[]
  entries: LedgerEntry[]
  daily: DailyValue[]
  bridge: BridgeDay[]
  trials: Trial[]
  revenue: RevenueEntry[]
  subscriptions: SubscriptionSummary[]
  issues: Issue[]
}

export type FoldOptions = {
  /** The tenant's catalogue; facts of the catalogue among `facts` are used without it. */
  catalogue?: Catalogue
  /** The tenant's calendar. */
  dayOf?: (at: string) => string
}

/**
 * The MRR ledger of one group of facts (customers.ts: one customer, or those joined by a transfer; a whole tenant works
 * too). A pure function of the set of events: order and repetition of `facts` change nothing.
 */
export function foldCustomer(
  facts: readonly RevenueFact[],
  policy: RevenuePolicy = DEFAULT_POLICY,
  options: FoldOptions = {},
): Fold {
  const known = owned(distinctFacts(facts), policy)
  const catalogue = options.catalogue ?? catalogueOf(known)
  const customers = customersOf(known)
  const timelines = timelinesOf(known, customers, policy, catalogue)
  const entries = timelines.flatMap(({ timeline, customer }) => entriesOf(timeline, customer)).sort(byEntry)
  const movements = movementsOf(entries)
  const dayOf = options.dayOf ?? utcDay
  return {
    policy_version: policyVersion(policy),
    movements,
    entries,
    daily: dailyValues(movements, dayOf),
    bridge: bridge(movements, dayOf),
    trials: timelines.flatMap(({ timeline, customer }) => trialsOf(timeline, customer)),
    revenue: revenueEntries(known, customers),
    subscriptions: timelines.flatMap(({ timeline, customer }) => summaryOf(timeline, customer, catalogue)),
    issues: distinctIssues(timelines.flatMap(({ timeline }) => timeline.issues)),
  }
}

/** Each fact once. Should a provider reuse an id for different contents, the same one wins in every order. */
function distinctFacts(facts: readonly RevenueFact[]): RevenueFact[] {
  const byId = new Map<string, { fact: RevenueFact; text: string | null }>()
  for (const fact of facts) {
    const id = `${fact.provider} ${fact.event_id} ${fact.seq}`
    const seen = byId.get(id)
    if (seen === undefined) byId.set(id, { fact, text: null })
    else if (seen.fact !== fact) {
      seen.text ??= JSON.stringify(seen.fact)
      const text = JSON.stringify(fact)
      if (text < seen.text) byId.set(id, { fact, text })
    }
  }
  return [...byId.values()].map(({ fact }) => fact).sort(byTime)
}

/** Leaves a store's rows to the provider that owns it: RevenueCat repeats what Stripe already says. */
function owned(facts: readonly RevenueFact[], policy: RevenuePolicy): RevenueFact[] {
  if (policy.revenuecat_stripe_rows === 'count') return [...facts]
  return facts.filter((fact) => !(fact.provider === 'revenuecat' && 'store' in fact && fact.store === 'STRIPE'))
}

type Owned = { timeline: Timeline; customer: string }

function timelinesOf(
  facts: readonly RevenueFact[],
  customers: Customers,
  policy: RevenuePolicy,
  catalogue: Catalogue,
): Owned[] {
  const bySubscription = new Map<string, RevenueFact[]>()
  const byCustomer = new Map<string, RevenueFact[]>()
  const append = (map: Map<string, RevenueFact[]>, key: string, fact: RevenueFact): void => {
    const list = map.get(key)
    if (list === undefined) map.set(key, [fact])
    else list.push(fact)
  }
  for (const fact of facts) {
    if (!('subscription' in fact) || fact.subscription === null) continue
    append(bySubscription, fact.subscription, fact)
    const customer = fact.provider === 'revenuecat' ? customers.owner(fact.subscription) : null
    if (customer !== null) append(byCustomer, customer, fact)
  }
  const replacements = new Map([...byCustomer.values()].flatMap((own) => [...productChanges(own)]))
  const discounts = new Map<string, RevenueFact[]>()
  for (const fact of ofKind(facts, 'discount')) append(discounts, fact.account ?? '', fact)
  const result: Owned[] = []
  for (const [subscription, own] of [...bySubscription].sort(([a], [b]) => compare(a, b))) {
    const customer = customers.owner(subscription)
    if (customer === null) continue
    const states = ofKind(own, 'subscription_state')
    if (states.length > 0) {
      const theirs = ofKind(discounts.get(states[0]?.account ?? '') ?? [], 'discount')
      result.push({ customer, timeline: stripeTimeline(states, theirs, policy, catalogue) })
    } else if (ofKind(own, 'purchase').length > 0) {
      const timeline = revenuecatTimeline(own, replacements.get(subscription) ?? [], policy, catalogue)
      result.push({ customer, timeline })
    }
  }
  return result
}

const byEntry = (a: LedgerEntry, b: LedgerEntry): number =>
  compare(a.at, b.at) ||
  compare(a.customer, b.customer) ||
  compare(a.currency, b.currency) ||
  compare(a.subscription, b.subscription) ||
  compare(a.plan, b.plan)

function summaryOf(timeline: Timeline, customer: string, catalogue: Catalogue): SubscriptionSummary[] {
  const first = timeline.steps[0]
  const last = timeline.steps.at(-1)
  if (first === undefined || last === undefined) return []
  const mrr: Record<string, Micro> = {}
  for (const { currency, micro } of last.values) mrr[currency] = (mrr[currency] ?? 0n) + micro
  const product =
    timeline.steps.flatMap((step) => step.values).find((value) => value.plan === last.plan)?.product ?? null
  return [
    {
      subscription: timeline.subscription,
      customer,
      provider: timeline.provider,
      plan: last.plan,
      plan_name: last.plan === null ? null : planName(last.plan, product, catalogue),
      standing: last.standing,
      mrr,
      started_at: first.at,
      first_paid_at: timeline.steps.find((step) => step.values.length > 0)?.at ?? null,
      ended_at: last.standing === 'ended' ? last.at : null,
      period_end: timeline.period_end,
    },
  ]
}
