import { describe, expect, test } from 'vitest'
import { factKeys, groupFacts } from '../../../sources/revenue/customers.ts'
import { factsOf, price, revenuecatEvent, stripeEvent, subscription } from './support.ts'

const AT = '2025-01-01T00:00:00Z'

describe('what ties facts together', () => {
  test('account and subscription, member and accounts, documents of a payment, both sides of a transfer', () => {
    const created = stripeEvent(
      'customer.subscription.created',
      AT,
      subscription({ metadata: { user_id: 'member-1' } }),
    )
    const refund = { id: 're_1', amount: 5, currency: 'usd', charge: 'ch_1', payment_intent: 'pi_1' }
    const transfer = {
      event: {
        id: 't',
        type: 'TRANSFER',
        event_timestamp_ms: 1,
        transferred_from: ['a'],
        transferred_to: ['b'],
        store: 'APP_STORE',
      },
    }
    expect(factsOf('stripe', created, stripeEvent('refund.created', AT, refund)).map(factKeys)).toEqual([
      ['account:stripe:cus_1', 'subscription:stripe:sub_1'],
      ['account:stripe:cus_1', 'member:member-1'],
      ['document:stripe:charge:ch_1', 'document:stripe:payment_intent:pi_1'],
    ])
    expect(factsOf('revenuecat', transfer).map(factKeys)).toEqual([
      ['account:revenuecat:a', 'account:revenuecat:b'],
      ['account:revenuecat:a', 'member:a'],
      ['account:revenuecat:b', 'member:b'],
    ])
  })

  test('a member with accounts at both providers is one group, a stranger another; the catalogue is in none', () => {
    const facts = [
      ...factsOf(
        'stripe',
        stripeEvent('customer.subscription.created', AT, subscription({ metadata: { user_id: 'member-1' } })),
      ),
      ...factsOf('revenuecat', revenuecatEvent('INITIAL_PURCHASE', AT)),
      ...factsOf(
        'stripe',
        stripeEvent('customer.subscription.created', AT, subscription({ id: 'sub_2', customer: 'cus_2' })),
      ),
      ...factsOf('stripe', stripeEvent('price.created', AT, price(1000))),
    ]
    expect(groupFacts(facts).map((group) => [...new Set(group.map((fact) => fact.account))])).toEqual([
      ['stripe:cus_1', 'revenuecat:member-1'],
      ['stripe:cus_2'],
    ])
  })
})
