import { compare } from './facts.ts'
import type { Micro } from './money.ts'
import { byMovement, type Movement } from './movements.ts'

/**
 * MRR from one day's start to its end, in one currency. All amounts are micro-minor units; contraction and churn are
 * positive sizes. `fx` is the day's exchange adjustment, 0 in a currency's own ledger.
 */
export type BridgeDay = {
  currency: string
  day: string
  start: Micro
  new: Micro
  reactivation: Micro
  expansion: Micro
  contraction: Micro
  churn: Micro
  fx: Micro
  end: Micro
}

/**
 * What the invariant start + new + reactivation + expansion − contraction − churn + fx = end is off by: 0 for every tenant,
 * currency and day, or the ledger is wrong. The metric `mrr_ledger_residual`.
 */
export const mrrResidual = (day: Omit<BridgeDay, 'currency' | 'day'>): Micro =>
  day.start + day.new + day.reactivation + day.expansion - day.contraction - day.churn + day.fx - day.end

/** The UTC day of an instant; a tenant's own calendar passes its own function. */
export const utcDay = (at: string): string => at.slice(0, 10)

/**
 * The days on which MRR moved, per currency, in order. `end` is taken from the movements' running totals per customer, not
 * computed from the other columns, so {@link mrrResidual} tests something.
 */
export function bridge(movements: readonly Movement[], dayOf: (at: string) => string = utcDay): BridgeDay[] {
  const days = new Map<string, BridgeDay>()
  const balances = new Map<string, Map<string, Micro>>()
  const totals = new Map<string, Micro>()
  for (const movement of [...movements].sort((a, b) => compare(a.currency, b.currency) || byMovement(a, b))) {
    const { currency, customer, mrr_after } = movement
    const total = totals.get(currency) ?? 0n
    const key = `${currency} ${dayOf(movement.at)}`
    const day = days.get(key) ?? emptyDay(currency, dayOf(movement.at), total)
    const customers = balances.get(currency) ?? new Map<string, Micro>()
    day.end = total - (customers.get(customer) ?? 0n) + mrr_after
    day[movement.type] += movement.delta < 0n ? -movement.delta : movement.delta
    days.set(key, day)
    balances.set(currency, customers.set(customer, mrr_after))
    totals.set(currency, day.end)
  }
  return [...days.values()]
}

function emptyDay(currency: string, day: string, start: Micro): BridgeDay {
  return {
    currency,
    day,
    start,
    new: 0n,
    reactivation: 0n,
    expansion: 0n,
    contraction: 0n,
    churn: 0n,
    fx: 0n,
    end: start,
  }
}

/** A customer's MRR at the end of each day on which it moved: the ledger's daily values. */
export type DailyValue = { customer: string; currency: string; day: string; mrr: Micro }

export function dailyValues(movements: readonly Movement[], dayOf: (at: string) => string = utcDay): DailyValue[] {
  const values = new Map<string, DailyValue>()
  for (const { customer, currency, at, mrr_after } of [...movements].sort((a, b) => compare(a.at, b.at))) {
    const day = dayOf(at)
    values.set(`${customer} ${currency} ${day}`, { customer, currency, day, mrr: mrr_after })
  }
  return [...values.values()].sort(
    (a, b) => compare(a.customer, b.customer) || compare(a.currency, b.currency) || compare(a.day, b.day),
  )
}
