import { describe, expect, test } from 'vitest'
import { foldCustomer } from '../../../../sources/revenue/fold.ts'
import { DEFAULT_POLICY, type RevenuePolicy } from '../../../../sources/revenue/policy.ts'
import { factsOf, item, price, revenuecatEvent, stripeEvent, subscription } from '../support.ts'

type Json = Record<string, unknown>
const ms = (instant: string): number => Date.parse(instant)
const T0 = '2025-01-01T00:00:00Z'
const T1 = '2025-01-31T00:00:00Z' // end of the first 30 days
const T2 = '2025-03-02T00:00:00Z' // end of the second

const fold = (events: Json[], policy: RevenuePolicy = DEFAULT_POLICY) =>
  foldCustomer(factsOf('revenuecat', ...events), policy)
/** `new 9.99 usd 2025-01-01`, the same in either order of delivery. */
function story(events: Json[], policy: RevenuePolicy = DEFAULT_POLICY): string[] {
  const { movements } = fold(events, policy)
  expect(fold([...events, ...events].reverse(), policy).movements).toEqual(movements)
  return movements.map(
    ({ type, delta, currency, at }) => `${type} ${Number(delta) / 1e8} ${currency} ${at.slice(0, 10)}`,
  )
}
const bought = (at: string, more: Json = {}) => revenuecatEvent('INITIAL_PURCHASE', at, more)
const renewed = (at: string, more: Json = {}) => revenuecatEvent('RENEWAL', at, more)
const expired = (at: string, end: string, more: Json = {}) =>
  revenuecatEvent('EXPIRATION', at, {
    purchased_at_ms: ms(end) - 1,
    expiration_at_ms: ms(end),
    expiration_reason: 'UNSUBSCRIBE',
    ...more,
  })

describe('the life of an app-store subscription', () => {
  test('bought, renewed, cancelled, expired, bought again', () => {
    const events = [
      bought(T0),
      renewed(T1),
      revenuecatEvent('CANCELLATION', '2025-02-10T00:00:00Z', { cancel_reason: 'UNSUBSCRIBE' }),
      expired('2025-03-02T00:10:00Z', T2),
      bought('2025-05-01T00:00:00Z', { price_in_purchased_currency: 12.99 }),
    ]
    expect(story(events)).toEqual([
      'new 9.99 usd 2025-01-01',
      'churn -9.99 usd 2025-03-02',
      'reactivation 12.99 usd 2025-05-01',
    ])
    expect(fold(events).movements[1]).toMatchObject({ at: '2025-03-02T00:00:00.000Z', reason: 'voluntary' })
  })

  test('a renewal in the instant of the expiry is no gap, whichever is delivered first', () => {
    expect(story([bought(T0), expired('2025-01-31T00:00:00Z', T1), renewed(T1)])).toEqual(['new 9.99 usd 2025-01-01'])
  })

  test('a late renewal is not churn until an expiration says so', () => {
    expect(story([bought(T0), renewed('2025-02-02T00:00:00Z')])).toEqual(['new 9.99 usd 2025-01-01'])
  })

  test('an expiration of an older period does not end the one that was bought after it', () => {
    expect(story([bought(T0), renewed('2025-02-03T00:00:00Z'), expired('2025-02-05T00:00:00Z', T1)])).toEqual([
      'new 9.99 usd 2025-01-01',
      'churn -9.99 usd 2025-01-31',
      'reactivation 9.99 usd 2025-02-03',
    ])
  })

  test('BILLING_ISSUE, CANCELLATION and EXPIRATION of one instant: involuntary churn at the end of the period', () => {
    const at = '2025-01-31T00:05:00Z'
    const failed = { cancel_reason: 'BILLING_ERROR', expiration_reason: 'BILLING_ERROR', expiration_at_ms: ms(T1) }
    const types = ['EXPIRATION', 'BILLING_ISSUE', 'CANCELLATION']
    const events = [bought(T0), ...types.map((type) => revenuecatEvent(type, at, failed))]
    expect(story(events)).toEqual(['new 9.99 usd 2025-01-01', 'churn -9.99 usd 2025-01-31'])
    expect(fold(events).movements[1]?.reason).toBe('involuntary')
    expect(story(events, { ...DEFAULT_POLICY, churn_recognised: 'request' })).toEqual(story(events))
  })

  test('with a grace period, churn is at its end; paid in time, there is none', () => {
    const issue = revenuecatEvent('BILLING_ISSUE', T1, {
      expiration_at_ms: ms(T1),
      grace_period_expiration_at_ms: ms('2025-02-16T00:00:00Z'),
    })
    const over = expired('2025-02-16T00:01:00Z', T1, { expiration_reason: 'BILLING_ERROR' })
    expect(story([bought(T0), issue, over])).toEqual(['new 9.99 usd 2025-01-01', 'churn -9.99 usd 2025-02-16'])
    expect(story([bought(T0), issue, renewed('2025-02-10T00:00:00Z')])).toEqual(['new 9.99 usd 2025-01-01'])
  })

  test('churn at the request: gone with the cancellation, back with the uncancellation', () => {
    const events = [
      bought(T0),
      revenuecatEvent('CANCELLATION', '2025-01-10T00:00:00Z', { cancel_reason: 'UNSUBSCRIBE' }),
      revenuecatEvent('UNCANCELLATION', '2025-01-12T00:00:00Z'),
      revenuecatEvent('CANCELLATION', '2025-01-20T00:00:00Z', { cancel_reason: 'UNSUBSCRIBE' }),
      expired('2025-01-31T00:01:00Z', T1),
    ]
    expect(story(events, { ...DEFAULT_POLICY, churn_recognised: 'request' })).toEqual([
      'new 9.99 usd 2025-01-01',
      'churn -9.99 usd 2025-01-10',
      'reactivation 9.99 usd 2025-01-12',
      'churn -9.99 usd 2025-01-20',
    ])
    expect(story(events)).toEqual(['new 9.99 usd 2025-01-01', 'churn -9.99 usd 2025-01-31'])
  })

  test('a pause ends it at the expiration, not when it is announced', () => {
    const paused = expired('2025-01-31T00:01:00Z', T1, { expiration_reason: 'SUBSCRIPTION_PAUSED' })
    const events = [bought(T0), paused, renewed('2025-04-01T00:00:00Z')]
    expect(story(events)).toEqual([
      'new 9.99 usd 2025-01-01',
      'churn -9.99 usd 2025-01-31',
      'reactivation 9.99 usd 2025-04-01',
    ])
    expect(fold(events).movements[1]?.reason).toBe('paused')
  })

  test('an extension moves the end of the period and no money', () => {
    const extended = revenuecatEvent('SUBSCRIPTION_EXTENDED', '2025-01-20T00:00:00Z', { expiration_at_ms: ms(T2) })
    const { movements, subscriptions } = fold([bought(T0), extended])
    expect(movements).toHaveLength(1)
    expect(subscriptions[0]?.period_end).toBe('2025-03-02T00:00:00.000Z')
  })
})

describe('trials', () => {
  const trial = bought(T0, {
    period_type: 'TRIAL',
    price: 0,
    price_in_purchased_currency: 0,
    expiration_at_ms: ms('2025-01-08T00:00:00Z'),
  })

  test('a conversion is new', () => {
    const events = [trial, renewed('2025-01-08T00:00:00Z', { is_trial_conversion: true })]
    expect(story(events)).toEqual(['new 9.99 usd 2025-01-08'])
    expect(fold(events).trials.map(({ ended_at, converted_at }) => [ended_at, converted_at])).toEqual([
      ['2025-01-08T00:00:00.000Z', '2025-01-08T00:00:00.000Z'],
    ])
  })

  test('an expired one ended unconverted; buying later still converts it', () => {
    const lapsed = expired('2025-01-08T00:05:00Z', '2025-01-08T00:00:00Z', { period_type: 'TRIAL' })
    expect(fold([trial, lapsed]).trials.map(({ ended_at, converted_at }) => [ended_at, converted_at])).toEqual([
      ['2025-01-08T00:00:00.000Z', null],
    ])
    const later = renewed('2025-03-01T00:00:00Z', { is_trial_conversion: true })
    expect(fold([trial, lapsed, later]).trials.map(({ ended_at, converted_at }) => [ended_at, converted_at])).toEqual([
      ['2025-01-08T00:00:00.000Z', '2025-03-01T00:00:00.000Z'],
    ])
  })
})

describe('product changes', () => {
  const yearly = (from: string, more: Json = {}) => ({
    product_id: 'coach.yearly',
    price_in_purchased_currency: 59.88,
    expiration_at_ms: ms(from) + 365 * 86_400_000,
    ...more,
  })
  const change = (at: string) =>
    revenuecatEvent('PRODUCT_CHANGE', at, { new_product_id: 'coach.yearly', expiration_at_ms: ms(T1) })

  test('wait for the purchase that brings them', () => {
    expect(story([bought(T0), change('2025-01-15T00:00:00Z')])).toEqual(['new 9.99 usd 2025-01-01'])
    expect(story([bought(T0), change('2025-01-15T00:00:00Z'), renewed(T1, yearly(T1))])).toEqual([
      'new 9.99 usd 2025-01-01',
      'contraction -5 usd 2025-01-31',
    ])
  })

  test('to a subscription of its own end the old one in that instant', () => {
    const other = bought('2025-01-15T00:00:01Z', yearly('2025-01-15T00:00:01Z', { original_transaction_id: 'otx_2' }))
    const events = [bought(T0), change('2025-01-15T00:00:03Z'), other]
    expect(story(events)).toEqual(['new 9.99 usd 2025-01-01', 'contraction -5 usd 2025-01-15'])
    expect(story([...events, expired('2025-01-31T00:01:00Z', T1)])).toEqual(story(events))
  })

  test('without a change, another product is a second subscription', () => {
    expect(
      story([
        bought(T0),
        bought('2025-01-15T00:00:00Z', yearly('2025-01-15T00:00:00Z', { original_transaction_id: 'otx_2' })),
      ]),
    ).toEqual(['new 9.99 usd 2025-01-01', 'expansion 4.99 usd 2025-01-15'])
  })

  test('a renewal that repeats the first purchase time takes effect when it was reported', () => {
    const swapped = renewed('2025-01-15T00:00:00Z', yearly(T0, { purchased_at_ms: ms(T0) }))
    expect(story([bought(T0), swapped])).toEqual(['new 9.99 usd 2025-01-01', 'contraction -5 usd 2025-01-15'])
  })
})

describe('refunds', () => {
  const refund = revenuecatEvent('CANCELLATION', '2025-01-10T00:00:00Z', {
    cancel_reason: 'CUSTOMER_SUPPORT',
    price: -9.99,
    price_in_purchased_currency: -9.99,
    transaction_id: 'tx_paid',
    expiration_at_ms: ms('2025-01-09T23:00:00Z'),
  })
  const gone = expired('2025-01-10T00:00:00Z', '2025-01-09T23:00:00Z', {
    expiration_reason: 'CUSTOMER_SUPPORT',
    transaction_id: 'tx_paid',
  })
  const paid = bought(T0, { transaction_id: 'tx_paid' })

  test('on an app store end the subscription; the money is a negative one-time entry', () => {
    const { movements, revenue } = fold([paid, refund, gone])
    expect(movements.map(({ type, at, reason }) => [type, at, reason])).toEqual([
      ['new', '2025-01-01T00:00:00.000Z', null],
      ['churn', '2025-01-09T23:00:00.000Z', 'refund'],
    ])
    expect(revenue.map(({ type, amount }) => [type, amount])).toEqual([
      ['recurring', 999_000_000n],
      ['refund', -999_000_000n],
    ])
  })

  test('on the web only an expiry that has passed ends it', () => {
    const web = { store: 'RC_BILLING', original_transaction_id: 'web_1' }
    const money = { ...(refund.event as Json), ...web, id: 'web_refund' }
    const open = { ...money, expiration_at_ms: ms(T1) }
    expect(story([bought(T0, web), { event: open }])).toEqual(['new 9.99 usd 2025-01-01'])
    expect(story([bought(T0, web), { event: money }])).toEqual([
      'new 9.99 usd 2025-01-01',
      'churn -9.99 usd 2025-01-09',
    ])
  })

  test('reversed, undo both; the period then runs to its end', () => {
    const reversed = revenuecatEvent('REFUND_REVERSED', '2025-01-12T00:00:00Z', {
      transaction_id: 'tx_paid',
      price: 9.99,
      price_in_purchased_currency: 9.99,
      expiration_at_ms: ms(T1),
    })
    const events = [paid, refund, gone, reversed]
    expect(story(events)).toEqual(['new 9.99 usd 2025-01-01'])
    expect(fold(events).revenue.map(({ type }) => type)).toEqual(['recurring'])
    const late = { event: { ...(reversed.event as Json), id: 'late', event_timestamp_ms: ms('2025-02-20T00:00:00Z') } }
    expect(story([paid, refund, gone, late])).toEqual(['new 9.99 usd 2025-01-01', 'churn -9.99 usd 2025-01-31'])
  })
})

describe('who pays', () => {
  const ANON = '$RCAnonymousID:aaa'

  test('purchases before the login belong to the member who logged in', () => {
    const before = bought(T0, { app_user_id: ANON, original_app_user_id: ANON, aliases: [ANON] })
    const after = renewed(T1, { aliases: [ANON] })
    expect(fold([before]).movements.map(({ customer }) => customer)).toEqual([`revenuecat:${ANON}`])
    expect(fold([before, after]).movements.map(({ customer }) => customer)).toEqual(['member-1'])
  })

  test('a transfer moves the subscription with its history: no churn, no new customer, the same totals', () => {
    const transfer = {
      event: {
        id: 'rc_transfer',
        type: 'TRANSFER',
        event_timestamp_ms: ms('2025-01-10T00:00:00Z'),
        transferred_from: ['member-1'],
        transferred_to: [ANON, 'member-2'],
        environment: 'PRODUCTION',
        store: 'APP_STORE',
      },
    }
    const login = bought('2024-12-01T00:00:00Z', { app_user_id: 'member-2', original_transaction_id: 'otx_9' })
    const { movements } = fold([bought(T0), transfer, login])
    expect(movements.map(({ type, customer }) => [type, customer])).toEqual([
      ['new', 'member-2'],
      ['expansion', 'member-2'],
    ])
    expect(story([bought(T0), transfer])).toEqual(story([bought(T0)]))
    const distant = { event: { ...transfer.event, event_timestamp_ms: 78_789_789_798_798 } }
    expect(fold([bought(T0), distant, login]).movements.map(({ customer }) => customer)).toEqual([
      'member-2',
      'member-2',
    ])
  })

  test('after a transfer, what the old account buys is its own again', () => {
    const transfer = {
      event: {
        id: 'rc_transfer',
        type: 'TRANSFER',
        event_timestamp_ms: ms('2025-01-10T00:00:00Z'),
        transferred_from: ['member-1'],
        transferred_to: ['member-2'],
        environment: 'PRODUCTION',
        store: 'APP_STORE',
      },
    }
    const again = bought(T1, { original_transaction_id: 'otx_5' })
    expect(fold([bought(T0), transfer, again]).movements.map(({ type, customer }) => [type, customer])).toEqual([
      ['new', 'member-2'],
      ['new', 'member-1'],
    ])
  })

  test('rows of the Stripe store are left to Stripe, unless the tenant has no Stripe webhooks', () => {
    const web = bought(T0, {
      store: 'STRIPE',
      app_user_id: 'member-1',
      original_transaction_id: 'sub_1',
      price: 10,
      price_in_purchased_currency: 10,
    })
    const stripe = stripeEvent('customer.subscription.created', T0, subscription({ metadata: { user_id: 'member-1' } }))
    const facts = [...factsOf('revenuecat', web), ...factsOf('stripe', stripe)]
    expect(foldCustomer(facts).movements.map(({ delta }) => delta)).toEqual([1_000_000_000n])
    expect(foldCustomer(facts).revenue).toEqual([])
    const counted: RevenuePolicy = { ...DEFAULT_POLICY, revenuecat_stripe_rows: 'count' }
    expect(foldCustomer(factsOf('revenuecat', web), counted).movements.map(({ delta }) => delta)).toEqual([
      1_000_000_000n,
    ])
  })

  test('one member with a Stripe and an App Store subscription is one customer: the second is expansion', () => {
    const stripe = stripeEvent(
      'customer.subscription.created',
      T0,
      subscription({ metadata: { user_id: 'member-1' }, items: [item(price(500, { currency: 'eur' }))] }),
    )
    const { movements } = foldCustomer([...factsOf('stripe', stripe), ...factsOf('revenuecat', bought(T1))])
    expect(movements.map(({ type, currency, provider }) => [type, currency, provider])).toEqual([
      ['new', 'eur', 'stripe'],
      ['expansion', 'usd', 'revenuecat'],
    ])
  })
})

describe('prices', () => {
  test('a null price is taken from the previous purchase of the product, or reported', () => {
    const unknown = { price: null, price_in_purchased_currency: null }
    expect(story([bought(T0), renewed(T1, unknown)])).toEqual(['new 9.99 usd 2025-01-01'])
    const { movements, issues } = fold([bought(T0, unknown)])
    expect([movements, issues]).toEqual([
      [],
      [{ subscription: 'revenuecat:APP_STORE:otx_1', kind: 'unpriced', detail: 'coach.monthly' }],
    ])
  })

  test('without a local price the USD price counts', () => {
    expect(story([bought(T0, { currency: 'EUR', price_in_purchased_currency: null })])).toEqual([
      'new 9.99 usd 2025-01-01',
    ])
  })

  test.each([
    [1, 10, '304.166667'],
    [3, 10, '101.388889'],
    [7, 10, '43.333333'],
    [14, 10, '21.666667'],
    [28, 10, '10'],
    [31, 10, '10'],
    [61, 10, '5'],
    [92, 9, '3'],
    [183, 6, '1'],
    [366, 12, '1'],
    [100, 10, '3.041667'],
  ])('%i days for %i is %s a month', (days, amount, expected) => {
    const events = [
      bought(T0, { price_in_purchased_currency: amount, expiration_at_ms: ms(T0) + days * 86_400_000 + 3_600_000 }),
    ]
    const exact = [bought(T0, { price_in_purchased_currency: amount, expiration_at_ms: ms(T0) + days * 86_400_000 })]
    const value = (of: Json[]) => Number(fold(of).movements[0]?.delta) / 1e8
    expect(value(exact)).toBeCloseTo(Number(expected), 6)
    if (days !== 100) expect(value(events)).toBeCloseTo(Number(expected), 6)
  })

  test('a prepaid plan is sold once: one-time revenue, no MRR', () => {
    const { movements, revenue } = fold([bought(T0, { period_type: 'PREPAID' })])
    expect([movements, revenue.map(({ type }) => type)]).toEqual([[], ['one_time']])
  })

  test('a period without an end cannot be spread over months: reported', () => {
    expect(fold([bought(T0, { expiration_at_ms: null })]).issues.map(({ kind }) => kind)).toEqual(['no_period'])
  })
})
