import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { mrrResidual } from '../../../sources/revenue/bridge.ts'
import { catalogueOf } from '../../../sources/revenue/catalogue.ts'
import { groupFacts } from '../../../sources/revenue/customers.ts'
import { type RevenueFact, revenueFactSchema } from '../../../sources/revenue/facts.ts'
import { type Fold, foldCustomer } from '../../../sources/revenue/fold.ts'
import { revenuePolicySchema } from '../../../sources/revenue/policy.ts'
import { policies, revenuecatBodies, stripeBodies } from './histories.ts'
import { factsOf, revenuecatEvent, stripeEvent, subscription } from './support.ts'

type Json = Record<string, unknown>

/** A history of facts, and the same facts delivered otherwise: shuffled, some of them twice. */
const history = fc
  .tuple(stripeBodies, revenuecatBodies)
  .map(([stripe, store]) => [...readable('stripe', stripe), ...readable('revenuecat', store)])
const deliveries = history.chain((facts) =>
  fc.record({
    facts: fc.constant(facts),
    again: fc
      .tuple(fc.shuffledSubarray(facts, { minLength: facts.length }), fc.shuffledSubarray(facts))
      .map(([all, twice]) => [...twice, ...all].map((fact) => JSON.parse(JSON.stringify(fact)) as RevenueFact)),
  }),
)

/** Events whose object says nothing (nothing paid, say) have no facts. */
const readable = (provider: 'stripe' | 'revenuecat', bodies: Json[]): RevenueFact[] =>
  bodies.flatMap((body) => {
    try {
      return factsOf(provider, body)
    } catch (error) {
      if (String(error).includes('ignored')) return []
      throw error
    }
  })

const RUNS = { numRuns: 200 }
const total = (fold: Fold): bigint => fold.movements.reduce((sum, { delta }) => sum + delta, 0n)

describe('generated histories', () => {
  test('any order and any repetition of deliveries gives the same ledger', () => {
    fc.assert(
      fc.property(deliveries, policies, ({ facts, again }, chosen) => {
        const policy = revenuePolicySchema.parse(chosen)
        expect(foldCustomer(again, policy)).toEqual(foldCustomer(facts, policy))
      }),
      RUNS,
    )
  })

  test('start + new + reactivation + expansion − contraction − churn = end, every day and currency', () => {
    fc.assert(
      fc.property(history, policies, (facts, chosen) => {
        const { bridge } = foldCustomer(facts, revenuePolicySchema.parse(chosen))
        const ends = new Map<string, bigint>()
        for (const day of bridge) {
          expect(mrrResidual(day)).toBe(0n)
          expect(day.start).toBe(ends.get(day.currency) ?? 0n)
          for (const column of ['start', 'new', 'reactivation', 'expansion', 'contraction', 'churn', 'end'] as const) {
            expect(day[column] >= 0n).toBe(true)
          }
          ends.set(day.currency, day.end)
        }
      }),
      RUNS,
    )
  })

  test('movements chain per customer and currency, entries add up to them, and each is named by what it does', () => {
    fc.assert(
      fc.property(history, policies, (facts, chosen) => {
        const { movements, entries } = foldCustomer(facts, revenuePolicySchema.parse(chosen))
        const running = new Map<string, bigint>()
        const first = new Map<string, string>()
        for (const movement of movements) {
          const { customer, currency, at, type, delta, mrr_before, mrr_after } = movement
          const key = `${customer} ${currency}`
          expect(mrr_before).toBe(running.get(key) ?? 0n)
          expect(mrr_after).toBe(mrr_before + delta)
          expect(mrr_after >= 0n && delta !== 0n).toBe(true)
          running.set(key, mrr_after)
          const parts = entries.filter(
            (entry) => entry.customer === customer && entry.currency === currency && entry.at === at,
          )
          expect(parts.reduce((sum, part) => sum + part.delta, 0n)).toBe(delta)
          expect(movement.provider_event_ids.length).toBeGreaterThan(0)
          expect(type === 'new').toBe((first.get(customer) ?? at) === at)
          if (type === 'contraction' || type === 'churn') expect(delta < 0n).toBe(true)
          else expect(delta > 0n).toBe(true)
          if (type === 'churn') {
            const left = movements.filter((other) => other.customer === customer && other.at <= at)
            expect(left.reduce((sum, other) => sum + other.delta, 0n)).toBe(0n)
          }
          if (!first.has(customer)) first.set(customer, at)
        }
      }),
      RUNS,
    )
  })

  test('facts survive storage as JSON and agree with their schema', () => {
    fc.assert(
      fc.property(history, (facts) => {
        for (const fact of facts) expect(revenueFactSchema.parse(JSON.parse(JSON.stringify(fact)))).toEqual(fact)
      }),
      { numRuns: 100 },
    )
  })

  test('folding group by group is folding everything', () => {
    fc.assert(
      fc.property(history, policies, (facts, chosen) => {
        const policy = revenuePolicySchema.parse(chosen)
        const whole = foldCustomer(facts, policy)
        const catalogue = catalogueOf(facts)
        const parts = groupFacts(facts).map((group) => foldCustomer(group, policy, { catalogue }))
        const sorted = (folds: Fold[]) =>
          folds
            .flatMap((fold) =>
              fold.movements.map(
                (movement) =>
                  `${movement.customer} ${movement.at} ${movement.currency} ${movement.type} ${movement.delta}`,
              ),
            )
            .sort()
        expect(sorted(parts)).toEqual(sorted([whole]))
        expect(parts.reduce((sum, part) => sum + total(part), 0n)).toBe(total(whole))
        expect(parts.flatMap((part) => part.revenue)).toHaveLength(whole.revenue.length)
      }),
      RUNS,
    )
  })

  test('a flood of 10,000 duplicates out of order changes nothing', () => {
    const facts = [
      ...factsOf('stripe', stripeEvent('customer.subscription.created', '2025-01-01T00:00:00Z', subscription())),
      ...factsOf(
        'stripe',
        stripeEvent('customer.subscription.deleted', '2025-03-01T00:00:00Z', subscription({ status: 'canceled' })),
      ),
      ...factsOf('revenuecat', revenuecatEvent('INITIAL_PURCHASE', '2025-01-01T00:00:00Z')),
    ]
    const flood = Array.from({ length: 10_000 }, (_, index) => facts[(index * 7) % facts.length]).filter(
      (fact) => fact !== undefined,
    )
    expect(foldCustomer(flood.reverse())).toEqual(foldCustomer(facts))
  })
})
