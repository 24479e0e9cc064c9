import fc from 'fast-check'
import { item, price, revenuecatEvent, stripeEvent, subscription } from './support.ts'

/** Provider events of few customers at few instants, of every kind that moves money: what histories are made of. */

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

export const stripeBodies = fc.array(fc.oneof({ weight: 6, arbitrary: stripeState }, stripeDiscount, stripeMoney), {
  maxLength: 14,
})
export const revenuecatBodies = fc.array(revenuecat, { maxLength: 14 })

export const policies = fc.record({
  churn_recognised: fc.constantFrom('period_end' as const, 'request' as const),
  discounts: fc.constantFrom('permanent' as const, 'recurring' as const),
  revenuecat_stripe_rows: fc.constantFrom('ignore' as const, 'count' as const),
})
