import { describe, expect, test } from 'vitest'
import { ofKind } from '../../../../sources/revenue/facts.ts'
import { foldCustomer } from '../../../../sources/revenue/fold.ts'
import type { Reading } from '../../../../sources/revenue/reading.ts'
import { UNKNOWN_TYPE } from '../../../../sources/revenue/stripe/ignored.ts'
import { toFacts } from '../../../../sources/revenue/to-facts.ts'
import { describeReal, factsOf, readRealJson, realFiles, stripeEvent } from '../support.ts'

type Json = Record<string, unknown>
const record = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {})

/** facts → the kinds; otherwise the outcome, so that a table of files reads as what becomes of each. */
const became = (reading: Reading): string =>
  reading.outcome === 'facts'
    ? [...new Set(reading.facts.map((fact) => fact.kind))].join('+')
    : reading.outcome === 'ignored'
      ? 'ignored'
      : 'rejected'

const tally = (folder: string, skip: readonly string[] = []) =>
  Object.fromEntries(
    realFiles(folder)
      .filter((file) => !skip.includes(file))
      .map((file) => [file.replace(/\.json$/, ''), became(toFacts('stripe', readRealJson(folder, file)))])
      .filter(([, outcome]) => outcome !== 'ignored'),
  )

describeReal('stripe_sync_engine', '71 recorded webhook bodies (2020-03-02 … 2023-10-16)', () => {
  test('all are readable; these change a figure or name something, the rest are ignored with a reason', () => {
    expect(realFiles('stripe_sync_engine')).toHaveLength(71)
    expect(tally('stripe_sync_engine')).toEqual({
      charge_refunded: 'refund',
      // invoice_paid is of 0.00
      checkout_session_completed: 'payment',
      plan_created: 'catalogue_price',
      plan_updated: 'catalogue_price',
      price_created: 'catalogue_price',
      price_updated: 'catalogue_price',
      product_created: 'catalogue_product',
      product_updated: 'catalogue_product',
      refund_created: 'refund',
      refund_failed: 'refund',
      refund_updated: 'refund',
      subscription_created: 'subscription_state',
      subscription_deleted: 'subscription_state',
      subscription_updated: 'subscription_state',
    })
  })

  test('two free items, one without a quantity: counted, worth nothing, no movement', () => {
    const facts = factsOf('stripe', readRealJson('stripe_sync_engine', 'subscription_created.json'))
    const [state] = ofKind(facts, 'subscription_state')
    expect(state?.lines.map((line) => line.quantity)).toEqual([1, 1])
    const { movements, subscriptions, issues } = foldCustomer(facts)
    expect([movements, issues, subscriptions[0]?.standing]).toEqual([[], [], 'paying'])
  })

  test('a full refund of 25.00 is one refund of one-time revenue and no movement', () => {
    const { revenue, movements } = foldCustomer(
      factsOf('stripe', readRealJson('stripe_sync_engine', 'charge_refunded.json')),
    )
    expect(movements).toEqual([])
    expect(revenue.map(({ type, amount, customer, at }) => [type, amount, customer, at])).toEqual([
      ['refund', -2_500_000_000n, 'stripe:cus_J7Mkgr8mvbl1eK', '2022-04-07T08:55:38.000Z'],
    ])
  })
})

describeReal('stripe_ruby_mock', '88 webhook bodies (some without api_version, 2017-12-14 … 2020-08-27)', () => {
  test('all are readable; these change a figure or name something, the rest are ignored with a reason', () => {
    expect(realFiles('stripe_ruby_mock').length).toBeGreaterThanOrEqual(87)
    expect(tally('stripe_ruby_mock')).toEqual({
      'charge.refund.updated': 'refund',
      'charge.refunded': 'refund',
      'coupon.created': 'catalogue_coupon',
      'customer.discount.created': 'discount',
      'customer.discount.deleted': 'discount',
      'customer.discount.updated': 'discount',
      'customer.subscription.created': 'subscription_state',
      'customer.subscription.deleted': 'subscription_state',
      'customer.subscription.trial_will_end': 'subscription_state',
      'customer.subscription.updated': 'subscription_state',
      'checkout.session.completed': 'payment',
      'checkout.session.completed.payment_mode': 'payment',
      'charge.succeeded': 'payment',
      'invoice.paid': 'payment',
      'invoice.payment_failed': 'billing_issue',
      'invoice.payment_succeeded': 'payment',
      'plan.created': 'catalogue_price',
      'plan.updated': 'catalogue_price',
      'price.created': 'catalogue_price',
      'price.updated': 'catalogue_price',
      'product.created': 'catalogue_product',
      'product.updated': 'catalogue_product',
    })
  })

  test('created, updated and deleted tell one story in any order: 15.00 new, then churned', () => {
    const bodies = ['created', 'updated', 'deleted'].map((phase, index) => ({
      ...record(readRealJson('stripe_ruby_mock', `customer.subscription.${phase}.json`)),
      id: `evt_${phase}`,
      created: 1648320110 + index,
    }))
    const deleted = record(record(bodies[2]).data)
    deleted.object = { ...record(deleted.object), ended_at: 1648320112 }
    for (const order of [bodies, [...bodies].reverse()]) {
      const { movements } = foldCustomer(factsOf('stripe', ...order))
      expect(movements.map(({ type, delta, provider_event_ids }) => [type, delta, provider_event_ids])).toEqual([
        ['new', 1_500_000_000n, ['evt_created']],
        ['churn', -1_500_000_000n, ['evt_deleted']],
      ])
    }
  })

  test('100 usd and 5 × 200 eur in one subscription stay apart once the trial is over', () => {
    const body = record(readRealJson('stripe_ruby_mock', 'customer.subscription.trial_will_end.json'))
    const object = record(record(body.data).object)
    expect(foldCustomer(factsOf('stripe', body)).movements).toEqual([])
    const over = stripeEvent('customer.subscription.updated', '2013-10-09T12:00:00Z', { ...object, status: 'active' })
    const { movements, trials } = foldCustomer(factsOf('stripe', body, over))
    expect(movements.map(({ type, currency, delta }) => [type, currency, delta])).toEqual([
      ['new', 'eur', 1_000_000_000n],
      ['new', 'usd', 100_000_000n],
    ])
    expect(trials.map(({ converted_at }) => converted_at)).toEqual(['2013-10-09T12:00:00.000Z'])
  })
})

describeReal('stripe_pay_fixtures', "bare objects and `data` parts from a gem's tests", () => {
  const TYPES: Record<string, string> = {
    'subscription.created': 'customer.subscription.created',
    'subscription.updated': 'customer.subscription.updated',
    'subscription.deleted': 'customer.subscription.deleted',
    'subscription.trial_ended': 'customer.subscription.updated',
    'subscription.trial_will_end': 'customer.subscription.trial_will_end',
    'charge.refunded': 'charge.refunded',
    'charge.succeeded': 'charge.succeeded',
    'checkout.session.completed': 'checkout.session.completed',
  }
  const asEvent = (file: string): Json => {
    const body = record(readRealJson('stripe_pay_fixtures', `${file}.json`))
    return {
      id: `evt_${file}`,
      object: 'event',
      type: TYPES[file] ?? file,
      created: 1_700_000_000,
      data: typeof body.object === 'object' ? body : { object: body },
    }
  }

  test('a bare object is not an event: rejected, with the fields it lacks', () => {
    const reading = toFacts('stripe', readRealJson('stripe_pay_fixtures', 'subscription.created.json'))
    expect(reading.outcome).toBe('rejected')
    if (reading.outcome !== 'rejected') return
    expect(reading.errors.map((error) => error.field)).toEqual(['id', 'object', 'type', 'created', 'data'])
  })

  test('inside an envelope every one is readable', () => {
    const files = realFiles('stripe_pay_fixtures').map((file) => file.replace(/\.json$/, ''))
    const outcomes = files.map((file) => [file, became(toFacts('stripe', asEvent(file)))])
    expect(Object.fromEntries(outcomes.filter(([, outcome]) => outcome !== 'ignored'))).toEqual({
      'charge.refunded': 'refund',
      'charge.succeeded': 'payment',
      'invoice.payment_failed': 'billing_issue',
      'subscription.created': 'subscription_state',
      'subscription.deleted': 'subscription_state',
      'subscription.trial_ended': 'subscription_state',
      'subscription.trial_will_end': 'subscription_state',
      'subscription.updated': 'subscription_state',
    })
  })

  test('2 × 3.00 a month with the amount on a price without `recurring`', () => {
    const { movements } = foldCustomer(factsOf('stripe', asEvent('subscription.created')))
    expect(movements.map(({ type, delta }) => [type, delta])).toEqual([['new', 600_000_000n]])
  })

  test('a partial refund of 5.00 on 15.00', () => {
    const { revenue } = foldCustomer(factsOf('stripe', asEvent('charge.refunded')))
    expect(revenue.map(({ type, amount }) => [type, amount])).toEqual([['refund', -500_000_000n]])
  })

  test('an invoice of two sales with discounts and tax is one-time revenue net of tax', () => {
    const { revenue } = foldCustomer(factsOf('stripe', { ...asEvent('invoice'), type: 'invoice.paid' }))
    const invoice = record(readRealJson('stripe_pay_fixtures', 'invoice.json'))
    expect(revenue.map(({ type, amount }) => [type, amount])).toEqual([
      ['one_time', BigInt(Number(invoice.total_excluding_tax)) * 1_000_000n],
    ])
  })
})

describeReal('stripe_mock', 'one generated example of every Stripe resource', () => {
  const resources = record(record(readRealJson('stripe_mock', 'fixtures3.json')).resources)
  const TYPES: Record<string, string> = {
    subscription: 'customer.subscription.updated',
    customer: 'customer.updated',
    discount: 'customer.discount.created',
    coupon: 'coupon.updated',
    price: 'price.updated',
    plan: 'plan.updated',
    product: 'product.updated',
    invoice: 'invoice.paid',
    charge: 'charge.succeeded',
    refund: 'refund.updated',
    'checkout.session': 'checkout.session.completed',
    subscription_schedule: 'subscription_schedule.updated',
  }

  test('every one is read without throwing, and none is rejected where it can change a figure', () => {
    for (const [name, object] of Object.entries(resources)) {
      const event = stripeEvent(TYPES[name] ?? `${name}.updated`, '2025-01-01T00:00:00Z', record(object))
      const reading = toFacts('stripe', event)
      expect([name, reading.outcome]).not.toEqual([name, 'rejected'])
      if (reading.outcome === 'facts') expect(() => foldCustomer(reading.facts)).not.toThrow()
    }
  })

  test('its subscription is paused with `mark_uncollectible`: status active, worth nothing', () => {
    const facts = factsOf(
      'stripe',
      stripeEvent('customer.subscription.updated', '2025-01-01T00:00:00Z', record(resources.subscription)),
    )
    const { subscriptions, movements } = foldCustomer(facts)
    expect([subscriptions[0]?.standing, movements]).toEqual(['paused', []])
  })
})

describe('other events', () => {
  test('an unknown type is named as unknown', () => {
    const reading = toFacts('stripe', stripeEvent('brand_new.thing', '2025-01-01T00:00:00Z', { id: 'x' }))
    expect(reading).toMatchObject({ outcome: 'ignored', reason: UNKNOWN_TYPE })
  })

  test.each([
    [null],
    [7],
    ['text'],
    [[]],
    [{}],
    [{ object: 'event' }],
    [{ id: 'x', object: 'event', type: 'a', created: -1 }],
  ])('%j is rejected, not thrown', (body) => {
    expect(toFacts('stripe', body).outcome).toBe('rejected')
    expect(toFacts('revenuecat', body).outcome).toBe('rejected')
  })

  test('a malformed subscription is rejected with the field at fault and without its values', () => {
    const event = stripeEvent('customer.subscription.updated', '2025-01-01T00:00:00Z', {
      id: 'sub_1',
      customer: 'cus_1',
      status: 'active',
      items: { data: [{ id: 'si_1', quantity: -1, price: { id: 'p', currency: 'usd' } }] },
    })
    expect(toFacts('stripe', event)).toMatchObject({
      outcome: 'rejected',
      errors: [{ field: 'data.object.items.data.0.quantity', code: 'too_small' }],
    })
  })
})
