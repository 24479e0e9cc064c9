import { describe, expect, test } from 'vitest'
import { catalogueOf } from '../../../../sources/revenue/catalogue.ts'
import { monthlyValue, type ValueContext } from '../../../../sources/revenue/monthly-value.ts'
import { DEFAULT_POLICY, type RevenuePolicy } from '../../../../sources/revenue/policy.ts'
import { formatRational } from '../../../../sources/revenue/rational.ts'
import { discountOf } from '../../../../sources/revenue/stripe/discount.ts'
import { discountShape, subscriptionShape } from '../../../../sources/revenue/stripe/shapes.ts'
import { readSubscription } from '../../../../sources/revenue/stripe/subscription.ts'
import { factsOf, item, price, seconds, stripeEvent, subscription } from '../support.ts'

type Json = Record<string, unknown>
const RECURRING: RevenuePolicy = { ...DEFAULT_POLICY, discounts: 'recurring' }

const valued = (object: Json, policy = DEFAULT_POLICY, context: ValueContext = {}) =>
  monthlyValue(readSubscription(subscriptionShape.parse(object)), policy, context)
const value = (object: Json, policy = DEFAULT_POLICY, context: ValueContext = {}): string[] =>
  valued(object, policy, context).values.map(({ exact, currency }) => `${formatRational(exact)} ${currency}`)

const coupon = (more: Json): Json => ({ id: `coupon_${JSON.stringify(more)}`, duration: 'forever', ...more })
const half = coupon({ percent_off: 50 })

describe('which subscriptions count', () => {
  test.each([
    ['active', 1],
    ['past_due', 1],
    ['trialing', 0],
    ['incomplete', 0],
    ['incomplete_expired', 0],
    ['unpaid', 0],
    ['canceled', 0],
    ['paused', 0],
  ])('%s: %i', (status, count) => {
    expect(value(subscription({ status }))).toHaveLength(count)
  })

  test('a status from the future is not counted, and said so', () => {
    const { values, issues } = valued(subscription({ status: 'hibernating' }))
    expect([values, issues]).toEqual([
      [],
      [{ subscription: 'stripe:sub_1', kind: 'unknown_status', detail: 'hibernating' }],
    ])
  })

  test.each([
    ['void', 0],
    ['mark_uncollectible', 0],
    ['keep_as_draft', 1],
  ])('active with collection paused as %s: %i', (behavior, count) => {
    expect(value(subscription({ pause_collection: { behavior, resumes_at: null } }))).toHaveLength(count)
  })

  test('one that is set to cancel counts to the end of its period, or not at all when churn is recognised at the request', () => {
    const leaving = subscription({ cancel_at_period_end: true })
    expect(value(leaving)).toEqual(['1000 usd'])
    expect(value(leaving, { ...DEFAULT_POLICY, churn_recognised: 'request' })).toEqual([])
    expect(
      value(subscription({ cancel_at: 1_800_000_000 }), { ...DEFAULT_POLICY, churn_recognised: 'request' }),
    ).toEqual([])
  })
})

describe('what an item is worth', () => {
  test.each([
    ['day', 1, '365000/12'],
    ['day', 30, '36500/36'],
    ['week', 1, '13000/3'],
    ['week', 4, '3250/3'],
    ['month', 1, '1000'],
    ['month', 6, '500/3'],
    ['year', 1, '250/3'],
    ['year', 2, '125/3'],
  ])('10.00 per %s × %i', (interval, count, expected) => {
    const [whole, part = '1'] = expected.split('/')
    const recurring = { interval, interval_count: count, usage_type: 'licensed' }
    const [first = ''] = value(subscription({ items: [item(price(1000, { recurring }))] }))
    const [n, d = '1'] = first.replace(' usd', '').split('/')
    expect(BigInt(n ?? 0) * BigInt(part)).toBe(BigInt(whole ?? 0) * BigInt(d))
  })

  test('quantity 0 is not 1, and a missing quantity is', () => {
    expect(value(subscription({ items: [item(price(1000), 0)] }))).toEqual([])
    expect(value(subscription({ items: [item(price(1000), undefined)] }))).toEqual(['1000 usd'])
    expect(value(subscription({ items: [item(price(1000), 7)] }))).toEqual(['7000 usd'])
  })

  test('metered items and one-time prices are left out, whatever the quantity', () => {
    const metered = price(1000, {
      id: 'metered',
      recurring: { interval: 'month', interval_count: 1, usage_type: 'metered' },
    })
    const once = price(1000, { id: 'once', recurring: null })
    expect(value(subscription({ items: [item(price(200)), item(metered, undefined), item(once)] }))).toEqual([
      '200 usd',
    ])
  })

  test('fractions of a cent come from the decimal amount', () => {
    expect(
      value(subscription({ items: [item(price(0, { unit_amount: null, unit_amount_decimal: '0.05' }), 1000)] })),
    ).toEqual(['50 usd'])
  })

  test('a plan counts like a price; a subscription of 2014 has only a plan', () => {
    const plan = { id: 'gold', object: 'plan', currency: 'usd', amount: 900, interval: 'month', interval_count: 1 }
    expect(value(subscription({ items: [{ id: 'si_1', plan, quantity: 2 }] }))).toEqual(['1800 usd'])
    expect(value({ id: 'sub_1', customer: 'cus_1', status: 'active', plan, quantity: 3 })).toEqual(['2700 usd'])
  })

  test('items in two currencies are two values', () => {
    const items = [item(price(1000)), item(price(2000, { currency: 'eur' }))]
    expect(value(subscription({ items }))).toEqual(['2000 eur', '1000 usd'])
  })

  test("amounts in Stripe's hundredths of Icelandic krónur become whole krónur", () => {
    expect(value(subscription({ items: [item(price(50000, { currency: 'isk' }))] }))).toEqual(['500 isk'])
  })

  test('tiers that the event carries are priced; tiers it only mentions are looked up, or reported', () => {
    const tiers = [
      { up_to: 5, unit_amount: 500, flat_amount: null },
      { up_to: null, unit_amount: null, unit_amount_decimal: '300', flat_amount: 100 },
    ]
    const bare = price(0, {
      unit_amount: null,
      unit_amount_decimal: null,
      billing_scheme: 'tiered',
      tiers_mode: 'graduated',
    })
    const full = { ...bare, tiers }
    expect(value(subscription({ items: [item(full, 7)] }))).toEqual(['3200 usd'])
    expect(value(subscription({ items: [item({ ...full, tiers_mode: 'volume' }, 7)] }))).toEqual(['2200 usd'])

    const unknown = subscription({ items: [item(bare, 7)] })
    expect(valued(unknown).issues).toEqual([{ subscription: 'stripe:sub_1', kind: 'unpriced', detail: 'price_0' }])
    const catalogue = catalogueOf(factsOf('stripe', stripeEvent('price.updated', '2025-01-01T00:00:00Z', full)))
    expect(value(unknown, DEFAULT_POLICY, { catalogue })).toEqual(['3200 usd'])
    expect(valued(unknown, DEFAULT_POLICY, { catalogue }).issues).toEqual([])
  })
})

describe('discounts', () => {
  test.each([
    ['discount.coupon (to 2020)', { discount: { id: 'di_1', coupon: half } }],
    ['discounts[].coupon', { discounts: [{ id: 'di_1', coupon: half }] }],
    ['discounts[].source.coupon (clover)', { discounts: [{ id: 'di_1', source: { type: 'coupon', coupon: half } }] }],
    ['both, the id and the object', { discount: { id: 'di_1', coupon: half }, discounts: ['di_1'] }],
    ['on the item', { items: [item(price(1000), 1, { discounts: [{ id: 'di_1', source: { coupon: half } }] })] }],
  ])('50 %% for ever as %s', (_, where: Json) => {
    expect(value(subscription(where))).toEqual(['500 usd'])
  })

  test('once never counts; repeating only by policy, while it runs', () => {
    const run = { start: seconds('2025-01-01T00:00:00Z'), end: seconds('2025-04-01T00:00:00Z') }
    const with_ = (duration: string) =>
      subscription({ discounts: [{ id: 'di_1', coupon: { ...half, duration }, ...run }] })
    const at = (instant: string): ValueContext => ({ at: instant })
    expect(value(with_('once'), RECURRING)).toEqual(['1000 usd'])
    expect(value(with_('repeating'))).toEqual(['1000 usd'])
    expect(value(with_('repeating'), RECURRING, at('2025-03-31T23:59:59.000Z'))).toEqual(['500 usd'])
    expect(value(with_('repeating'), RECURRING, at('2025-04-01T00:00:00.000Z'))).toEqual(['1000 usd'])
  })

  test('percentages first, then amounts, never below 0', () => {
    const amount = coupon({ amount_off: 200, currency: 'usd' })
    expect(value(subscription({ discounts: [{ coupon: amount }, { coupon: half }] }))).toEqual(['300 usd'])
    expect(value(subscription({ discounts: [{ coupon: coupon({ amount_off: 5000, currency: 'usd' }) }] }))).toEqual([])
    expect(value(subscription({ discounts: [{ coupon: coupon({ percent_off: 100 }) }] }))).toEqual([])
  })

  test('an amount off is per invoice: 12.00 off a yearly price is 1.00 a month', () => {
    const yearly = price(12000, { recurring: { interval: 'year', interval_count: 1 } })
    const discounts = [{ coupon: coupon({ amount_off: 1200, currency: 'usd' }) }]
    expect(value(subscription({ items: [item(yearly)], discounts }))).toEqual(['900 usd'])
  })

  test('an amount off several items is shared in proportion; other currencies and products are untouched', () => {
    const items = [
      item(price(1000, { product: 'prod_a' })),
      item(price(3000, { product: 'prod_b' })),
      item(price(700, { currency: 'eur' })),
    ]
    const off = coupon({ amount_off: 400, currency: 'usd' })
    expect(value(subscription({ items, discounts: [{ coupon: off }] }))).toEqual(['700 eur', '900 usd', '2700 usd'])
    const limited = coupon({ percent_off: 50, applies_to: { products: ['prod_b'] } })
    expect(value(subscription({ items, discounts: [{ coupon: limited }] }))).toEqual([
      '700 eur',
      '1000 usd',
      '1500 usd',
    ])
  })

  test("the customer's discount applies only where the subscription has none of its own", () => {
    const customer_discounts = [discountOf(discountShape.parse({ id: 'di_c', coupon: half }))]
    expect(value(subscription(), DEFAULT_POLICY, { customer_discounts })).toEqual(['500 usd'])
    const own = subscription({ discounts: [{ id: 'di_s', coupon: coupon({ percent_off: 10 }) }] })
    expect(value(own, DEFAULT_POLICY, { customer_discounts })).toEqual(['900 usd'])
  })

  test('a discount known only by id is found through its event or coupon, or reported', () => {
    const byId = subscription({ discounts: ['di_9'] })
    expect(valued(byId).issues).toEqual([{ subscription: 'stripe:sub_1', kind: 'discount_unknown', detail: 'di_9' }])
    const shape = discountShape.parse({ id: 'di_9', source: { type: 'coupon', coupon: 'HALF' } })
    const catalogue = catalogueOf(
      factsOf('stripe', stripeEvent('coupon.created', '2025-01-01T00:00:00Z', { ...half, id: 'HALF' })),
    )
    expect(value(byId, DEFAULT_POLICY, { catalogue, discount: () => discountOf(shape) })).toEqual(['500 usd'])
  })
})
