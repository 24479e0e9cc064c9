import { describe, expect, test } from 'vitest'
import { foldCustomer } from '../../../../sources/revenue/fold.ts'
import { DEFAULT_POLICY, type RevenuePolicy } from '../../../../sources/revenue/policy.ts'
import { snapshotEvent } from '../../../../sources/revenue/stripe/snapshot.ts'
import { factsOf, item, price, seconds, stripeEvent, subscription } from '../support.ts'

type Json = Record<string, unknown>
const JAN = '2025-01-01T00:00:00Z'
const FEB = '2025-02-01T00:00:00Z'
const MAR = '2025-03-01T00:00:00Z'
const APR = '2025-04-01T00:00:00Z'

const created = (at: string, more: Json & { items?: Json[] } = {}) =>
  stripeEvent('customer.subscription.created', at, subscription(more))
const updated = (at: string, more: Json & { items?: Json[] } = {}, previous?: Json) =>
  stripeEvent('customer.subscription.updated', at, subscription(more), previous)
const deleted = (at: string, more: Json & { items?: Json[] } = {}) =>
  stripeEvent('customer.subscription.deleted', at, subscription({ status: 'canceled', ended_at: seconds(at), ...more }))

/** `new 10 usd 2025-01-01`: the ledger as a story. */
function story(events: Json[], policy: RevenuePolicy = DEFAULT_POLICY): string[] {
  const facts = factsOf('stripe', ...events)
  const forwards = foldCustomer(facts, policy)
  const backwards = foldCustomer([...facts, ...facts].reverse(), policy)
  expect(backwards.movements).toEqual(forwards.movements)
  return forwards.movements.map(
    ({ type, delta, currency, at }) => `${type} ${Number(delta) / 1e8} ${currency} ${at.slice(0, 10)}`,
  )
}

describe('the life of a subscription', () => {
  test('new, more seats, fewer seats, cancelled at period end, back again', () => {
    const seats = (quantity: number) => ({ items: [item(price(1000), quantity)] })
    expect(
      story([
        created(JAN, seats(2)),
        updated(FEB, seats(5), { items: { data: [item(price(1000), 2)] } }),
        updated(MAR, seats(1)),
        updated('2025-03-10T00:00:00Z', { ...seats(1), cancel_at_period_end: true }),
        deleted(APR, seats(1)),
        created('2025-06-01T00:00:00Z', { id: 'sub_2', ...seats(1) }),
      ]),
    ).toEqual([
      'new 20 usd 2025-01-01',
      'expansion 30 usd 2025-02-01',
      'contraction -40 usd 2025-03-01',
      'churn -10 usd 2025-04-01',
      'reactivation 10 usd 2025-06-01',
    ])
  })

  test('churn at the request instead: gone when asked, back when the request is withdrawn', () => {
    const events = [
      created(JAN),
      updated(FEB, { cancel_at_period_end: true }),
      updated(MAR, { cancel_at_period_end: false }),
      updated('2025-03-02T00:00:00Z', { cancel_at_period_end: true }),
      deleted(APR, { cancel_at_period_end: true }),
    ]
    expect(story(events, { ...DEFAULT_POLICY, churn_recognised: 'request' })).toEqual([
      'new 10 usd 2025-01-01',
      'churn -10 usd 2025-02-01',
      'reactivation 10 usd 2025-03-01',
      'churn -10 usd 2025-03-02',
    ])
    expect(story(events)).toEqual(['new 10 usd 2025-01-01', 'churn -10 usd 2025-04-01'])
  })

  test('a trial is not MRR; its conversion is new and is recorded, an abandoned one is recorded too', () => {
    const events = [
      created(JAN, { status: 'trialing', trial_end: seconds('2025-01-15T00:00:00Z') }),
      stripeEvent('customer.subscription.trial_will_end', '2025-01-12T00:00:00Z', subscription({ status: 'trialing' })),
      updated('2025-01-15T00:00:00Z', {}, { status: 'trialing' }),
      created(JAN, { id: 'sub_2', status: 'trialing' }),
      deleted('2025-01-20T00:00:00Z', { id: 'sub_2' }),
    ]
    expect(story(events)).toEqual(['new 10 usd 2025-01-15'])
    const { trials } = foldCustomer(factsOf('stripe', ...events))
    expect(trials.map(({ subscription, ended_at, converted_at }) => [subscription, ended_at, converted_at])).toEqual([
      ['stripe:sub_1', '2025-01-15T00:00:00.000Z', '2025-01-15T00:00:00.000Z'],
      ['stripe:sub_2', '2025-01-20T00:00:00.000Z', null],
    ])
  })

  test('past_due stays, unpaid leaves as involuntary churn, a payment brings it back', () => {
    const events = [
      created(JAN),
      updated(FEB, { status: 'past_due' }),
      updated(MAR, { status: 'unpaid' }),
      updated(APR),
    ]
    expect(story(events)).toEqual([
      'new 10 usd 2025-01-01',
      'churn -10 usd 2025-03-01',
      'reactivation 10 usd 2025-04-01',
    ])
    expect(foldCustomer(factsOf('stripe', ...events)).movements.map(({ reason }) => reason)).toEqual([
      null,
      'involuntary',
      null,
    ])
  })

  test('paused and resumed collection', () => {
    const paused = { pause_collection: { behavior: 'void' } }
    expect(story([created(JAN), updated(FEB, paused), updated(MAR)])).toEqual([
      'new 10 usd 2025-01-01',
      'churn -10 usd 2025-02-01',
      'reactivation 10 usd 2025-03-01',
    ])
  })

  test('a free plan is no customer; moving to a paid one is new', () => {
    expect(story([created(JAN, { items: [item(price(0))] }), updated(FEB)])).toEqual(['new 10 usd 2025-02-01'])
  })

  test('a 100 % coupon is churn while it lasts for ever, taking it away brings the customer back', () => {
    const discounts = [{ id: 'di_1', source: { coupon: { id: 'FREE', percent_off: 100, duration: 'forever' } } }]
    expect(story([created(JAN), updated(FEB, { discounts }), updated(MAR)])).toEqual([
      'new 10 usd 2025-01-01',
      'churn -10 usd 2025-02-01',
      'reactivation 10 usd 2025-03-01',
    ])
  })

  test('nothing that is delivered after the end brings a cancelled subscription back', () => {
    expect(story([created(JAN), deleted(MAR), updated(APR)])).toEqual([
      'new 10 usd 2025-01-01',
      'churn -10 usd 2025-03-01',
    ])
  })

  test('a repeating discount that runs out by the calendar is an expansion, when repeating discounts count', () => {
    const discounts = [
      {
        id: 'di_1',
        coupon: { id: 'QUARTER', percent_off: 50, duration: 'repeating', duration_in_months: 3 },
        start: seconds(JAN),
        end: seconds(APR),
      },
    ]
    const events = [created(JAN, { discounts })]
    expect(story(events)).toEqual(['new 10 usd 2025-01-01'])
    expect(story(events, { ...DEFAULT_POLICY, discounts: 'recurring' })).toEqual([
      'new 5 usd 2025-01-01',
      'expansion 5 usd 2025-04-01',
    ])
  })

  test("a customer's discount changes every subscription without its own, from its event on", () => {
    const discount = {
      id: 'di_1',
      object: 'discount',
      customer: 'cus_1',
      coupon: { id: 'H', percent_off: 50, duration: 'forever' },
    }
    expect(
      story([
        created(JAN),
        stripeEvent('customer.discount.created', FEB, discount),
        stripeEvent('customer.discount.deleted', MAR, discount),
      ]),
    ).toEqual(['new 10 usd 2025-01-01', 'contraction -5 usd 2025-02-01', 'expansion 5 usd 2025-03-01'])
  })

  test('replacing a discount of old API versions, which has no id, in one second keeps the new one', () => {
    const discount = (percent: number) => ({
      customer: 'cus_1',
      coupon: { id: `${percent}`, percent_off: percent, duration: 'forever' },
    })
    expect(
      story([
        created(JAN),
        stripeEvent('customer.discount.created', FEB, discount(50)),
        stripeEvent('customer.discount.created', MAR, discount(20)),
        stripeEvent('customer.discount.deleted', MAR, discount(50)),
      ]),
    ).toEqual(['new 10 usd 2025-01-01', 'contraction -5 usd 2025-02-01', 'expansion 3 usd 2025-03-01'])
  })
})

describe('several subscriptions and currencies of one customer', () => {
  test('a plan swap by cancelling and creating in the same instant nets out', () => {
    const yearly = price(24000, { recurring: { interval: 'year', interval_count: 1 } })
    expect(story([created(JAN), deleted(MAR), created(MAR, { id: 'sub_2', items: [item(yearly)] })])).toEqual([
      'new 10 usd 2025-01-01',
      'expansion 10 usd 2025-03-01',
    ])
    expect(
      story([created(JAN), deleted(MAR), created(MAR, { id: 'sub_2', items: [item(price(1000, { id: 'other' }))] })]),
    ).toEqual(['new 10 usd 2025-01-01'])
  })

  test('a swap at the same price moves nothing, but the entries show which plan has it now', () => {
    const events = [created(JAN), updated(FEB, { items: [item(price(1000, { id: 'other' }))] })]
    const { entries } = foldCustomer(factsOf('stripe', ...events))
    expect(entries.map(({ plan, delta }) => [plan, delta])).toEqual([
      ['price_1000', 1_000_000_000n],
      ['other', 1_000_000_000n],
      ['price_1000', -1_000_000_000n],
    ])
  })

  test('a second subscription is expansion, cancelling one of two is contraction, cancelling the last is churn', () => {
    expect(story([created(JAN), created(FEB, { id: 'sub_2' }), deleted(MAR), deleted(APR, { id: 'sub_2' })])).toEqual([
      'new 10 usd 2025-01-01',
      'expansion 10 usd 2025-02-01',
      'contraction -10 usd 2025-03-01',
      'churn -10 usd 2025-04-01',
    ])
  })

  test('a change of currency is expansion in one and contraction in the other: nobody is new, nobody churns', () => {
    const euro = { id: 'sub_2', items: [item(price(900, { currency: 'eur' }))] }
    expect(story([created(JAN), deleted(MAR), created(MAR, euro)])).toEqual([
      'new 10 usd 2025-01-01',
      'expansion 9 eur 2025-03-01',
      'contraction -10 usd 2025-03-01',
    ])
  })

  test('Stripe customers that name the same member are one customer', () => {
    const named = { metadata: { user_id: 'member-1' } }
    const events = [created(JAN, named), created(FEB, { id: 'sub_2', customer: 'cus_2', ...named })]
    expect(story(events)).toEqual(['new 10 usd 2025-01-01', 'expansion 10 usd 2025-02-01'])
    expect(foldCustomer(factsOf('stripe', ...events)).movements.map(({ customer }) => customer)).toEqual([
      'member-1',
      'member-1',
    ])
  })

  test("a checkout session's reference names the member, a customer's metadata too", () => {
    const session = {
      id: 'cs_1',
      mode: 'subscription',
      customer: 'cus_1',
      client_reference_id: 'member-7',
      payment_status: 'paid',
    }
    const facts = factsOf('stripe', created(JAN), stripeEvent('checkout.session.completed', JAN, session))
    expect(foldCustomer(facts).movements.map(({ customer }) => customer)).toEqual(['member-7'])
    const guest = { ...session, mode: 'payment', customer: null, amount_total: 500, currency: 'usd' }
    const sale = foldCustomer(factsOf('stripe', stripeEvent('checkout.session.completed', JAN, guest)))
    expect(sale.revenue.map(({ customer }) => customer)).toEqual(['member-7'])
    const mail = { id: 'cus_1', metadata: { user_id: 'someone@example.org' } }
    const unnamed = [...factsOf('stripe', created(JAN))]
    expect(() => factsOf('stripe', stripeEvent('customer.updated', JAN, mail))).toThrow('ignored')
    expect(foldCustomer(unnamed).movements.map(({ customer }) => customer)).toEqual(['stripe:cus_1'])
  })
})

describe('events of the same second', () => {
  const seats = (quantity: number) => ({ items: [item(price(1000), quantity)] })
  const before = (quantity: number) => ({ items: { data: [item(price(1000), quantity)] } })

  test('are put in order by what each says it changed', () => {
    const events = [
      created(JAN, seats(1)),
      updated(FEB, seats(4), before(3)),
      updated(FEB, seats(2), before(1)),
      updated(FEB, seats(3), before(2)),
    ]
    expect(story(events)).toEqual(['new 10 usd 2025-01-01', 'expansion 30 usd 2025-02-01'])
    expect(story(events.slice(1))).toEqual(['new 40 usd 2025-02-01'])
  })

  test('a circle in one second (up and down again) comes back to where it began', () => {
    expect(
      story([created(JAN, seats(1)), updated(FEB, seats(1), before(2)), updated(FEB, seats(2), before(1))]),
    ).toEqual(['new 10 usd 2025-01-01'])
  })

  test('created comes first, deleted last', () => {
    expect(
      story([deleted(JAN), updated(JAN, {}, { status: 'incomplete' }), created(JAN, { status: 'incomplete' })]),
    ).toEqual([])
  })
})

describe('backfill from the API', () => {
  const snapshot = (at: string, more: Json & { items?: Json[] } = {}) => {
    const object = subscription({ start_date: seconds(JAN), ...more })
    return snapshotEvent({ ...object, id: String(object.id), status: String(object.status) }, new Date(at))
  }

  test('a subscription read once starts when it started, after its trial, and ends when it ended', () => {
    const ended = { status: 'canceled', trial_end: seconds(FEB), ended_at: seconds(MAR) }
    expect(story([snapshot(APR, ended)])).toEqual(['new 10 usd 2025-02-01', 'churn -10 usd 2025-03-01'])
    expect(story([snapshot(APR)])).toEqual(['new 10 usd 2025-01-01'])
    expect(story([snapshot(APR, { status: 'canceled', trial_end: seconds(FEB), ended_at: seconds(FEB) })])).toEqual([])
  })

  test('beside webhooks it only fills what they did not tell', () => {
    expect(story([snapshot(APR), created(JAN), deleted(APR)])).toEqual([
      'new 10 usd 2025-01-01',
      'churn -10 usd 2025-04-01',
    ])
    expect(story([snapshot(APR), deleted(APR)])).toEqual(['new 10 usd 2025-01-01', 'churn -10 usd 2025-04-01'])
    const other = { items: [item(price(3000))] }
    expect(story([snapshot(APR, other), updated(FEB), deleted(MAR)])).toEqual([
      'new 30 usd 2025-01-01',
      'contraction -20 usd 2025-02-01',
      'churn -10 usd 2025-03-01',
    ])
  })
})

describe('money beside MRR', () => {
  const invoice = (more: Json = {}): Json => ({
    id: 'in_1',
    customer: 'cus_1',
    currency: 'usd',
    amount_paid: 1190,
    total: 1190,
    total_excluding_tax: 1000,
    subscription: 'sub_1',
    payment_intent: 'pi_1',
    charge: 'ch_1',
    lines: { data: [{ amount: 1000, type: 'subscription' }] },
    ...more,
  })
  const revenue = (events: Json[]) =>
    foldCustomer(factsOf('stripe', ...events)).revenue.map(({ type, amount }) => `${type} ${Number(amount) / 1e8}`)

  test('an invoice told by two events, and by its charge, is one payment net of tax', () => {
    expect(
      revenue([stripeEvent('invoice.paid', JAN, invoice()), stripeEvent('invoice.payment_succeeded', JAN, invoice())]),
    ).toEqual(['recurring 10'])
  })

  test('a new-style invoice names its subscription under `parent`, its lines under `parent.type`', () => {
    const lines = {
      data: [
        { amount: 900, parent: { type: 'subscription_item_details' } },
        { amount: 100, parent: { type: 'invoice_item_details' } },
      ],
    }
    const parent = { subscription_details: { subscription: 'sub_1' } }
    const modern = invoice({ subscription: undefined, payment_intent: undefined, charge: undefined, parent, lines })
    expect(revenue([stripeEvent('invoice.paid', JAN, modern)])).toEqual(['one_time 1', 'recurring 9'])
  })

  test('a sale through Checkout and its charge are one one-time payment', () => {
    const session = {
      id: 'cs_1',
      mode: 'payment',
      payment_status: 'paid',
      customer: 'cus_1',
      currency: 'usd',
      amount_total: 500,
    }
    const charge = {
      id: 'ch_1',
      customer: 'cus_1',
      amount: 500,
      currency: 'usd',
      captured: true,
      invoice: null,
      payment_intent: 'pi_1',
    }
    const events = [
      stripeEvent('checkout.session.completed', JAN, { ...session, payment_intent: 'pi_1' }),
      stripeEvent('charge.succeeded', JAN, charge),
    ]
    expect(revenue(events)).toEqual(['one_time 5'])
  })

  test('refunds are told by the charge and by themselves, in parts, and count once; a failed one not at all', () => {
    const charge = {
      id: 'ch_1',
      customer: 'cus_1',
      amount: 1000,
      currency: 'usd',
      invoice: 'in_1',
      payment_intent: 'pi_1',
    }
    const refund = (id: string, amount: number, status = 'succeeded') => ({
      id,
      amount,
      currency: 'usd',
      status,
      charge: 'ch_1',
      created: seconds(FEB),
    })
    const paid = stripeEvent('invoice.paid', JAN, invoice())
    const modern = [
      stripeEvent('charge.refunded', FEB, { ...charge, amount_refunded: 300 }),
      stripeEvent('refund.created', FEB, refund('re_1', 300)),
      stripeEvent('charge.refunded', MAR, { ...charge, amount_refunded: 700 }),
    ]
    expect(revenue([paid, ...modern])).toEqual(['recurring 10', 'refund -3', 'refund -4'])
    expect(
      revenue([
        paid,
        stripeEvent('refund.created', FEB, refund('re_1', 300)),
        stripeEvent('refund.failed', MAR, refund('re_1', 300, 'failed')),
      ]),
    ).toEqual(['recurring 10'])
    const { revenue: entries } = foldCustomer(
      factsOf('stripe', paid, stripeEvent('refund.created', FEB, refund('re_1', 300))),
    )
    expect(entries.map(({ customer }) => customer)).toEqual(['stripe:cus_1', 'stripe:cus_1'])
  })
})
