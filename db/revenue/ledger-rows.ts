import { factKeys } from '../../sources/revenue/customers.ts'
import type { RevenueFact } from '../../sources/revenue/facts.ts'
import type { Fold } from '../../sources/revenue/fold.ts'
import type { LedgerEntry, Movement } from '../../sources/revenue/movements.ts'

type DayOf = (at: string) => string

const instantOf = (row: { customer: string; at: string }): string => `${row.customer} ${row.at}`
const movementOf = (row: { customer: string; currency: string; at: string }): string =>
  `${instantOf(row)} ${row.currency}`

/** Movements as stored. The first of a customer's movements that begins or ends paying carries the change of subscribers. */
export function movementRows(movements: readonly Movement[], dayOf: DayOf) {
  const counted = new Set<string>()
  return movements.map((movement) => {
    const begins = movement.type === 'new' || movement.type === 'reactivation'
    const isFirst = !counted.has(instantOf(movement))
    if (begins || movement.type === 'churn') counted.add(instantOf(movement))
    const subscriber_delta = !isFirst ? 0 : begins ? 1 : movement.type === 'churn' ? -1 : 0
    const { delta, mrr_before, mrr_after, ...rest } = movement
    const amounts = { delta: String(delta), mrr_before: String(mrr_before), mrr_after: String(mrr_after) }
    return { ...rest, ...amounts, subscriber_delta, day: dayOf(movement.at) }
  })
}

/**
 * Entries as stored: one per customer, currency, instant, subscription and plan, named like their movement. Entries that
 * cancel out (a swap at the same price) have no movement: they are an expansion of 0 that moves value between plans.
 */
export function entryRows(entries: readonly LedgerEntry[], movements: readonly Movement[], dayOf: DayOf) {
  const types = new Map(movements.map((movement) => [movementOf(movement), movement.type]))
  const merged = new Map<string, LedgerEntry>()
  for (const entry of entries) {
    const key = `${movementOf(entry)} ${entry.subscription} ${entry.plan}`
    const known = merged.get(key)
    const ids = [...new Set([...(known?.provider_event_ids ?? []), ...entry.provider_event_ids])].sort()
    merged.set(key, { ...entry, delta: (known?.delta ?? 0n) + entry.delta, provider_event_ids: ids })
  }
  return [...merged.values()]
    .filter(({ delta }) => delta !== 0n)
    .map((entry) => ({
      ...entry,
      delta: String(entry.delta),
      type: types.get(movementOf(entry)) ?? 'expansion',
      day: dayOf(entry.at),
    }))
}

/** Payments and refunds as stored; `seq` tells apart those that begin with the same event. */
export function paymentRows(revenue: Fold['revenue'], dayOf: DayOf) {
  const seen = new Map<string, number>()
  return revenue.map(({ customer, amount, ...entry }) => {
    const event_id = entry.provider_event_ids[0] ?? ''
    const key = `${entry.provider} ${event_id}`
    const seq = seen.get(key) ?? 0
    seen.set(key, seq + 1)
    return { ...entry, event_id, seq, customer: customer ?? '', amount: String(amount), day: dayOf(entry.at) }
  })
}

export function trialRows(trials: Fold['trials'], dayOf: DayOf) {
  return trials.map((trial) => ({
    ...trial,
    ended_day: trial.ended_at === null ? null : dayOf(trial.ended_at),
    converted_day: trial.converted_at === null ? null : dayOf(trial.converted_at),
  }))
}

export const subscriptionRows = (subscriptions: Fold['subscriptions']) =>
  subscriptions.map((subscription) => ({
    ...subscription,
    mrr: Object.fromEntries(Object.entries(subscription.mrr).map(([currency, micro]) => [currency, String(micro)])),
  }))

export function issueRows({ issues, subscriptions }: Pick<Fold, 'issues' | 'subscriptions'>) {
  const owners = new Map(subscriptions.map(({ subscription, customer }) => [subscription, customer]))
  return issues.map((issue) => ({ customer: owners.get(issue.subscription) ?? '', issue }))
}

/**
 * Every name that a customer of these facts can have, now or in an earlier fold of fewer facts: accounts and members. No
 * other group can have them, because they are keys that would have joined the groups.
 */
export function customersNamed(facts: readonly RevenueFact[]): string[] {
  const names = facts.flatMap((fact) =>
    factKeys(fact).flatMap((key) => /^(?:account|member):(.*)$/s.exec(key)?.slice(1) ?? []),
  )
  return [...new Set(names)]
}
