import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { mrrResidual } from '../../../sources/revenue/bridge.ts'
import { catalogueOf } from '../../../sources/revenue/catalogue.ts'
import { groupFacts } from '../../../sources/revenue/customers.ts'
import { type RevenueFact, revenueFactSchema } from '../../../sources/revenue/facts.ts'
import { type Fold, foldCustomer } from '../../../sources/revenue/fold.ts'
import { revenuePolicySchema } from '../../../sources/revenue/policy.ts'
import { factsOf, item, price, revenuecatEvent, stripeEvent, subscription } from './support.ts'

type Json = Record<string, unknown>
const START = Date.parse('2025-01-01T00:00:00Z')
/** Few distinct instants, so that ties, swaps and late events are common. */
const instant = fc.nat(12).map((step) => new Date(START + step * 5 * 86_400_000).toISOString())

const recurring = fc.record({
  interval: fc.constantFrom('day', 'week', 'month', 'year'),
  interval_count: fc.integer({ min: 1, max: 6 }),
  usage_type: fc.constantFrom('licensed', 'licensed', 'licensed', 'metered'),
})
const anyItem = fc
  .record({
    name: fc.constantFrom('a', 'b', 'c'),
    unit: fc.integer({ min: 0, max: 9999 }),
    currency: fc.constantFrom('usd', 'usd', 'eur', 'jpy'),
    recurring,
    quantity: fc.option(fc.nat(4), { nil: undefined }),
  })
  .map(({ name, unit, quantity, ...more }) => item(price(unit, { id: `price_${name}`, ...more }), quantity))
const coupon = fc.record(
  {
    id: fc.constantFrom('C1', 'C2'),
    percent_off: fc.constantFrom(10, 15.5, 50, 100),
    amount_off: fc.constantFrom(100, 5000),
    currency: fc.constant('usd'),
    duration: fc.constantFrom('once', 'repeating', 'forever'),
  },
  { requiredKeys: ['id', 'duration', 'currency'] },
)
const discount = fc.record({
  id: fc.constantFrom('di_1', 'di_2'),
  coupon,
  start: fc.constant(START / 1000),
  end: fc.nat(12).map((step) => START / 1000 + step * 5 * 86_400),
})
const STATUSES = ['active', 'active', 'active', 'trialing', 'past_due', 'unpaid', 'incomplete', 'canceled', 'paused']

const stripeState = fc
  .record({
    type: fc.constantFrom('created', 'updated', 'updated', 'updated', 'deleted'),
    at: instant,
    id: fc.constantFrom('sub_1', 'sub_2', 'sub_3'),
    customer: fc.constantFrom('cus_1', 'cus_1', 'cus_2'),
    status: fc.constantFrom(...STATUSES),
    items: fc.array(anyItem, { minLength: 1, maxLength: 3 }),
    discounts: fc.array(discount, { maxLength: 2 }),
    behavior: fc.option(fc.constantFrom('void', 'keep_as_draft'), { freq: 8 }),
    cancel_at_period_end: fc.boolean(),
    previous: fc.option(fc.record({ status: fc.constantFrom(...STATUSES) })),
  })
  .map(({ type, at, behavior, previous, ...more }) => {
    const status = type === 'deleted' ? 'canceled' : more.status
    const pause_collection = behavior === null ? null : { behavior }
    // A subscription belongs to one customer.
    const customer = more.id === 'sub_3' ? 'cus_2' : 'cus_1'
    const object = subscription({ ...more, customer, status, pause_collection })
    return stripeEvent(`customer.subscription.${type}`, at, object, previous ?? undefined)
  })
const stripeDiscount = fc
  .record({ type: fc.constantFrom('created', 'deleted'), at: instant, discount })
  .map(({ type, at, discount: given }) => stripeEvent(`customer.discount.${type}`, at, { ...given, customer: 'cus_1' }))
const stripeMoney = fc
  .record({
    at: instant,
    n: fc.nat(2),
    amount: fc.integer({ min: 1, max: 5000 }),
    type: fc.constantFrom('paid', 'charge', 'refund', 'part'),
  })
  .map(({ at, n, amount, type }) => {
    const ids = { customer: 'cus_1', currency: 'usd', payment_intent: `pi_${n}` }
    if (type === 'paid')
      return stripeEvent('invoice.paid', at, {
        id: `in_${n}`,
        charge: `ch_${n}`,
        amount_paid: amount,
        total: amount,
        ...ids,
      })
    if (type === 'refund')
      return stripeEvent('refund.created', at, { id: `re_${amount % 3}`, amount, currency: 'usd', charge: `ch_${n}` })
    const charge = { id: `ch_${n}`, amount, invoice: null, ...ids }
    return type === 'charge'
      ? stripeEvent('charge.succeeded', at, charge)
      : stripeEvent('charge.refunded', at, { ...charge, amount_refunded: amount })
  })

const revenuecat = fc
  .record({
    type: fc.constantFrom(
      'INITIAL_PURCHASE',
      'RENEWAL',
      'RENEWAL',
      'CANCELLATION',
      'UNCANCELLATION',
      'EXPIRATION',
      'BILLING_ISSUE',
      'PRODUCT_CHANGE',
      'SUBSCRIPTION_EXTENDED',
      'REFUND_REVERSED',
      'TRANSFER',
      'NON_RENEWING_PURCHASE',
    ),
    at: instant,
    lag: fc.constantFrom(0, 0, 1000, 86_400_000),
    period: fc.constantFrom(7, 30, 30, 45, 365),
    user: fc.constantFrom('member-1', 'member-2', '$RCAnonymousID:x'),
    original: fc.constantFrom('o1', 'o2'),
    product: fc.constantFrom('p1', 'p2'),
    period_type: fc.constantFrom('NORMAL', 'NORMAL', 'INTRO', 'TRIAL'),
    amount: fc.option(fc.constantFrom(0, 4.99, 9.99, 12.345)),
    reason: fc.constantFrom('UNSUBSCRIBE', 'BILLING_ERROR', 'CUSTOMER_SUPPORT'),
    store: fc.constantFrom('APP_STORE', 'PLAY_STORE', 'RC_BILLING', 'STRIPE'),
    transaction: fc.constantFrom('t1', 't2', 't3'),
  })
  .map(({ type, at, lag, period, user, original, product, amount, reason, store, transaction, ...more }) => {
    const start = Date.parse(at)
    const body = revenuecatEvent(type, new Date(start + lag).toISOString(), {
      ...more,
      app_user_id: user,
      original_app_user_id: user,
      purchased_at_ms: start,
      expiration_at_ms: start + (type === 'EXPIRATION' ? 0 : period * 86_400_000),
      grace_period_expiration_at_ms: start + 3 * 86_400_000,
      original_transaction_id: original,
      transaction_id: transaction,
      product_id: product,
      new_product_id: 'p2',
      price: type === 'CANCELLATION' && amount !== null ? -amount : amount,
      price_in_purchased_currency: type === 'CANCELLATION' && amount !== null ? -amount : amount,
      cancel_reason: reason,
      expiration_reason: reason,
      store,
    })
    if (type === 'TRANSFER') {
      Object.assign(body.event as Json, {
        app_user_id: undefined,
        transferred_from: [user],
        transferred_to: ['member-1'],
      })
    }
    return body
  })

const policies = fc.record({
  churn_recognised: fc.constantFrom('period_end' as const, 'request' as const),
  discounts: fc.constantFrom('permanent' as const, 'recurring' as const),
  revenuecat_stripe_rows: fc.constantFrom('ignore' as const, 'count' as const),
})

/** A history of facts, and the same facts delivered otherwise: shuffled, some of them twice. */
const history = fc
  .tuple(
    fc.array(fc.oneof({ weight: 6, arbitrary: stripeState }, stripeDiscount, stripeMoney), { maxLength: 14 }),
    fc.array(revenuecat, { maxLength: 14 }),
  )
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
