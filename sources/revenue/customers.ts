import { byTime, compare, ofKind, type RevenueFact } from './facts.ts'

/** Who an account is, and whose a subscription is. */
export type Customers = {
  /** Our member where known, else the provider's account. */
  of: (account: string) => string
  /** The customer a subscription belongs to now; its whole history is theirs. */
  owner: (subscription: string) => string | null
}

const reported = (a: RevenueFact, b: RevenueFact): number => compare(a.reported_at, b.reported_at) || byTime(a, b)

/**
 * A customer is our member where any event named one (Stripe: metadata or the checkout's reference; RevenueCat: an app user
 * id of ours), else the provider's account. Where events disagree, the latest reported counts.
 *
 * A subscription belongs to the account of its latest event, then follows every TRANSFER after that. It moves with its
 * history: a transfer changes no total on any day, and nobody churns because of it.
 */
export function customersOf(facts: readonly RevenueFact[]): Customers {
  const members = new Map<string, string>()
  for (const fact of ofKind(facts, 'identity').sort(reported)) {
    for (const account of fact.accounts) members.set(account, fact.member)
  }
  const of = (account: string): string => members.get(account) ?? account

  const latest = new Map<string, { account: string; reported_at: string }>()
  const holders = ofKind(
    facts,
    'subscription_state',
    'purchase',
    'expiration',
    'auto_renew',
    'extension',
    'product_change',
  )
  for (const { subscription, account, reported_at } of holders.sort(reported)) {
    if (account !== null) latest.set(subscription, { account, reported_at })
  }
  const transfers = ofKind(facts, 'transfer').sort(reported)
  const owners = new Map<string, string>()
  for (const [subscription, { account, reported_at }] of latest) {
    let owner = of(account)
    for (const { from, to, reported_at: moved } of subscription.startsWith('revenuecat:') ? transfers : []) {
      if (moved < reported_at || !from.map(of).includes(owner)) continue
      const known = to.filter((account) => of(account) !== account)
      owner = (known.length > 0 ? known : to).map(of).sort(compare)[0] ?? owner
    }
    owners.set(subscription, owner)
  }
  return { of, owner: (subscription) => owners.get(subscription) ?? null }
}

/**
 * What ties facts to each other: facts that share a key must be folded together, directly or through others. Storage
 * indexes these; {@link groupFacts} shows the closure. Catalogue facts have none: they belong to the tenant.
 */
export function factKeys(fact: RevenueFact): string[] {
  const keys = fact.account === null ? [] : [`account:${fact.account}`]
  if ('subscription' in fact && fact.subscription !== null) keys.push(`subscription:${fact.subscription}`)
  if ('documents' in fact) keys.push(...fact.documents.map((document) => `document:${document}`))
  if (fact.kind === 'identity')
    keys.push(`member:${fact.member}`, ...fact.accounts.map((account) => `account:${account}`))
  if (fact.kind === 'transfer') keys.push(...[...fact.from, ...fact.to].map((account) => `account:${account}`))
  return [...new Set(keys)].sort(compare)
}

/** Partitions facts into the groups that can be folded on their own, each in the order given. */
export function groupFacts(facts: readonly RevenueFact[]): RevenueFact[][] {
  const parents = new Map<string, string>()
  const root = (key: string): string => {
    let current = key
    for (let parent = parents.get(current); parent !== undefined; parent = parents.get(current)) current = parent
    return current
  }
  for (const fact of facts) {
    const [first, ...rest] = factKeys(fact)
    if (first === undefined) continue
    for (const key of rest) {
      const [low, high] = [root(first), root(key)].sort(compare)
      if (low !== undefined && high !== undefined && low !== high) parents.set(high, low)
    }
  }
  const groups = new Map<string, RevenueFact[]>()
  for (const fact of facts) {
    const [first] = factKeys(fact)
    if (first === undefined) continue
    const group = groups.get(root(first))
    if (group === undefined) groups.set(root(first), [fact])
    else group.push(fact)
  }
  return [...groups.entries()].sort(([a], [b]) => compare(a, b)).map(([, group]) => group)
}
