import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { revenueFactSchema } from '../../../sources/revenue/facts.ts'
import { foldCustomer } from '../../../sources/revenue/fold.ts'
import { type Provider, toFacts } from '../../../sources/revenue/to-facts.ts'
import { item, price, revenuecatEvent, stripeEvent, subscription } from './support.ts'

type Json = Record<string, unknown>
const AT = '2025-01-01T00:00:00Z'
const coupon = { id: 'HALF', percent_off: 50, amount_off: 5, currency: 'usd', duration: 'repeating' }
const tiers = [
  { up_to: 5, unit_amount: 1, flat_amount: 2 },
  { up_to: 'inf', unit_amount: 1 },
]
const GOOD: [Provider, Json][] = [
  [
    'stripe',
    stripeEvent(
      'customer.subscription.updated',
      AT,
      subscription({
        items: [item(price(1000)), item(price(5, { billing_scheme: 'tiered', tiers, tiers_mode: 'volume' }), 3)],
        discounts: [{ id: 'di_1', coupon, start: 1, end: 2 }],
        trial_end: 1_700_000_000,
        cancel_at_period_end: true,
        current_period_end: 1_700_000_000,
      }),
      { status: 'trialing' },
    ),
  ],
  ['stripe', stripeEvent('customer.discount.created', AT, { id: 'di_1', customer: 'cus_1', coupon, start: 1, end: 2 })],
  [
    'stripe',
    stripeEvent('invoice.paid', AT, {
      id: 'in_1',
      customer: 'cus_1',
      currency: 'usd',
      amount_paid: 5,
      total: 5,
      tax: 1,
      lines: { data: [{ amount: 5, type: 'subscription' }] },
    }),
  ],
  [
    'stripe',
    stripeEvent('charge.refunded', AT, {
      id: 'ch_1',
      customer: 'cus_1',
      amount: 5,
      amount_refunded: 5,
      currency: 'usd',
    }),
  ],
  ...['INITIAL_PURCHASE', 'CANCELLATION', 'EXPIRATION', 'REFUND_REVERSED', 'BILLING_ISSUE'].map(
    (type): [Provider, Json] => ['revenuecat', revenuecatEvent(type, AT)],
  ),
]

/** Every path to a value inside a JSON document. */
function paths(value: unknown, at: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [at]
  return [at, ...Object.entries(value).flatMap(([key, inner]) => paths(inner, [...at, key]))]
}

function replaced(value: unknown, [key, ...rest]: string[], by: unknown): unknown {
  if (key === undefined) return by
  if (Array.isArray(value))
    return value.map((inner: unknown, index) => (String(index) === key ? replaced(inner, rest, by) : inner))
  const object = value as Json
  return { ...object, [key]: replaced(object[key], rest, by) }
}

describe('malformed bodies', () => {
  test('with any part replaced by anything are read, ignored or rejected; nothing throws, here or in the fold', () => {
    const odd = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom(
        null,
        undefined,
        '',
        '0',
        -1,
        0.5,
        1e21,
        1e308,
        -1e308,
        2 ** 53,
        1e-7,
        '1e5',
        'inf',
        [],
        {},
        true,
      ),
    )
    const mutated = fc.constantFrom(...GOOD).chain(([provider, body]) =>
      fc.record({
        provider: fc.constant(provider),
        body: fc.tuple(fc.constantFrom(...paths(body)), odd).map(([path, value]) => replaced(body, path, value)),
      }),
    )
    fc.assert(
      fc.property(mutated, ({ provider, body }) => {
        const reading = toFacts(provider, body)
        if (reading.outcome === 'facts') {
          foldCustomer(reading.facts)
          for (const fact of reading.facts)
            expect(revenueFactSchema.parse(JSON.parse(JSON.stringify(fact)))).toEqual(fact)
        }
        expect(['facts', 'ignored', 'rejected']).toContain(reading.outcome)
      }),
      { numRuns: 1500 },
    )
  })
})
