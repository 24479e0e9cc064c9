import { describe, expect, test } from 'vitest'
import type { RevenueFact } from '../../../sources/revenue/facts.ts'
import { foldCustomer } from '../../../sources/revenue/fold.ts'
import {
  arpu,
  endingMrr,
  grossMrrChurnRate,
  ltv,
  mrrGrowthRate,
  netMrrChurnRate,
  netNewMrr,
  quickRatio,
  subscriberChurnRate,
  trialConversionRate,
} from '../../../sources/revenue/kpis.ts'
import type { Movement } from '../../../sources/revenue/movements.ts'
import { DEFAULT_POLICY, type RevenuePolicy } from '../../../sources/revenue/policy.ts'
import {
  describeReal,
  factsOf,
  item,
  price,
  readRealJson,
  revenuecatEvent,
  stripeEvent,
  subscription,
} from './support.ts'

type Json = Record<string, unknown>
type Example = { id: string; expected: Json | null }
const START = '2025-01-01T00:00:00Z'

/** Subscriptions of `count` customers, so many dollars per interval. */
function subscribers(
  count: number,
  dollars: number,
  interval = 'month',
  more: Json = {},
  name = `${dollars}-${interval}`,
): RevenueFact[] {
  const of = price(dollars * 100, { id: `p-${name}`, recurring: { interval, interval_count: 1 } })
  return Array.from({ length: count }, (_, index) => index).flatMap((index) =>
    factsOf(
      'stripe',
      stripeEvent(
        'customer.subscription.created',
        START,
        subscription({ id: `sub-${name}-${index}`, customer: `cus-${name}-${index}`, items: [item(of)], ...more }),
      ),
    ),
  )
}
const dollars = (movements: readonly Movement[]): number =>
  movements.reduce((sum, { delta }) => sum + Number(delta), 0) / 1e8
const mrr = (facts: RevenueFact[], policy?: RevenuePolicy): number => dollars(foldCustomer(facts, policy).movements)
const percent = (rate: number | null): number => Math.round((rate ?? Number.NaN) * 10_000) / 100
const nothing = { new: 0, reactivation: 0, expansion: 0, contraction: 0, churn: 0 }

describeReal('published_examples', "the vendors' worked examples", () => {
  const examples = readRealJson('published_examples', 'examples.json') as Example[]
  const checked = new Set<string>()
  const example = (id: string): Json => {
    checked.add(id)
    const found = examples.find((candidate) => candidate.id === id)
    if (found === undefined) throw new Error(`no example ${id}`)
    return found.expected ?? {}
  }

  test('stripe-mrr-mix: 100 × 100/month + 50 × 600/year (the page prints 800/12 on the way, a misprint)', () => {
    expect(mrr([...subscribers(100, 100), ...subscribers(50, 600, 'year')])).toBe(example('stripe-mrr-mix').mrr_usd)
  })

  test('stripe-annual: 1,200 a year', () => {
    expect(mrr(subscribers(1, 1200, 'year'))).toBe(example('stripe-annual').mrr_usd)
  })

  test('stripe-discounts: half for ever halves; once and repeating do not; unpaid and canceled leave', () => {
    const withHalf = (duration: string) =>
      mrr(subscribers(1, 100, 'month', { discounts: [{ coupon: { id: 'HALF', percent_off: 50, duration } }] }))
    expect({
      '100_with_forever_50pct': withHalf('forever'),
      '100_with_once_50pct': withHalf('once'),
      '100_with_repeating_50pct': withHalf('repeating'),
    }).toEqual(example('stripe-discounts'))
    expect([
      mrr(subscribers(1, 100, 'month', { status: 'unpaid' })),
      mrr(subscribers(1, 100, 'month', { status: 'canceled' })),
    ]).toEqual([0, 0])
  })

  test('stripe-growth: the identity, and churned over active 30 days ago plus new', () => {
    example('stripe-growth')
    const period = { start: 1000, new: 100, reactivation: 25, expansion: 50, contraction: 40, churn: 60 }
    expect(endingMrr(period)).toBe(1000 + 100 + 25 + 50 - 40 - 60)
    expect(subscriberChurnRate({ churned: 100, active_before: 1000, new: 100 })).toBeCloseTo(1 / 11, 12)
  })

  test('chartmogul-churn: gross 20 %, net 10 %', () => {
    const period = { ...nothing, start: 100, churn: 10, contraction: 10, expansion: 10 }
    expect({
      gross_mrr_churn_pct: percent(grossMrrChurnRate(period)),
      net_mrr_churn_pct: percent(netMrrChurnRate(period)),
    }).toEqual(example('chartmogul-churn'))
  })

  test('baremetrics-upgrade-then-churn: gross churn over the start is 275.8 %; Baremetrics caps it at 100 %, which our net rate gives', () => {
    const { movements } = foldCustomer(
      ['created', 'updated', 'deleted'].flatMap((phase, index) =>
        factsOf(
          'stripe',
          stripeEvent(
            `customer.subscription.${phase}`,
            `2025-01-0${index + 1}T00:00:00Z`,
            subscription({
              items: [item(price(index === 0 ? 50000 : 137900))],
              status: phase === 'deleted' ? 'canceled' : 'active',
            }),
          ),
        ),
      ),
    )
    const size = (type: Movement['type']) => Math.abs(dollars(movements.filter((movement) => movement.type === type)))
    const period = { ...nothing, start: size('new'), expansion: size('expansion'), churn: size('churn') }
    const expected = example('baremetrics-upgrade-then-churn')
    expect(percent(grossMrrChurnRate(period))).toBe(expected.churn_pct_if_divided_by_start)
    expect(percent(netMrrChurnRate(period))).toBe(expected.churn_pct_current_rule)
  })

  test('treehouse: the same MRR lost by different customers', () => {
    const rates = (churn: number, customers: number) => ({
      mrr_churn_pct: percent(grossMrrChurnRate({ start: 34_500, contraction: 0, churn })),
      logo_churn_pct: percent(subscriberChurnRate({ churned: customers, active_before: 10, new: 0 })),
    })
    expect({ a: rates(6000, 2), b: rates(10_000, 1) }).toEqual(example('treehouse'))
  })

  test('kaching-normalise: 30.437 days and 4.345 weeks to a month give 431.27; ours, 365/12 and 52/12, gives 430.83', () => {
    const facts = [
      ...subscribers(1, 10, 'day'),
      ...subscribers(1, 20, 'week'),
      ...subscribers(1, 30),
      ...subscribers(1, 120, 'year'),
    ]
    const theirs: RevenuePolicy = { ...DEFAULT_POLICY, daily_factor: '30.437', weekly_factor: '4.345' }
    expect(mrr(facts, theirs).toFixed(2)).toBe(example('kaching-normalise').sum)
    expect(mrr(facts).toFixed(2)).toBe('430.83')
    expect(mrr(facts, { ...DEFAULT_POLICY, daily_factor: '30', weekly_factor: '4' })).toBe(420)
  })

  test('revenuecat-normalise: four weeks to a month by policy; its SQL rounds thirds to 0.333333, ours are exact', () => {
    const bought = (amount: number, days: number) =>
      factsOf(
        'revenuecat',
        revenuecatEvent('INITIAL_PURCHASE', START, {
          price_in_purchased_currency: amount,
          expiration_at_ms: Date.parse(START) + days * 86_400_000,
        }),
      )
    const policy: RevenuePolicy = { ...DEFAULT_POLICY, weekly_factor: '4', daily_factor: '30' }
    expect({
      '8_per_month': mrr(bought(8, 31), policy),
      '120_per_year': mrr(bought(120, 365), policy),
      '4.99_per_week': mrr(bought(4.99, 7), policy),
    }).toEqual(example('revenuecat-normalise'))
    expect(mrr(bought(9, 92), policy)).toBe(3)
  })

  test('revenuecat-movement: a renewal the day after the expiry is churn, then reactivation (theirs: negative churn); totals agree', () => {
    example('revenuecat-movement')
    const end = '2025-01-31T00:00:00Z'
    const { movements } = foldCustomer(
      factsOf(
        'revenuecat',
        revenuecatEvent('INITIAL_PURCHASE', START),
        revenuecatEvent('EXPIRATION', end, { expiration_at_ms: Date.parse(end), purchased_at_ms: Date.parse(START) }),
        revenuecatEvent('RENEWAL', '2025-02-01T00:00:00Z'),
      ),
    )
    expect(movements.map(({ type, at }) => [type, at.slice(0, 10)])).toEqual([
      ['new', '2025-01-01'],
      ['churn', '2025-01-31'],
      ['reactivation', '2025-02-01'],
    ])
    expect(dollars(movements)).toBe(9.99)
  })

  test('revenuecat-churn: cancelled is not churned before it expires; ours divides by active before plus new (Stripe)', () => {
    example('revenuecat-churn')
    const cancelled = factsOf(
      'revenuecat',
      revenuecatEvent('INITIAL_PURCHASE', START),
      revenuecatEvent('CANCELLATION', '2025-01-10T00:00:00Z', { cancel_reason: 'UNSUBSCRIBE' }),
    )
    expect(mrr(cancelled)).toBe(9.99)
  })

  test('revenuecat-refund-rate: a refund is dated when it was given (theirs: when the purchase was), so past days stay as reported', () => {
    example('revenuecat-refund-rate')
    const back = {
      cancel_reason: 'CUSTOMER_SUPPORT',
      price: -9.99,
      price_in_purchased_currency: -9.99,
      expiration_at_ms: null,
    }
    const { revenue } = foldCustomer(
      factsOf('revenuecat', revenuecatEvent('CANCELLATION', '2025-02-10T00:00:00Z', back)),
    )
    expect(revenue.map(({ at }) => at)).toEqual(['2025-02-10T00:00:00.000Z'])
  })

  test('fivetran-week: 52/12', () => {
    expect(mrr(subscribers(1, 120, 'week'))).toBe(example('fivetran-week')['120_per_week'])
  })

  test('recurly: no proration in MRR: an upgrade counts in full at once; days × 30 is a policy', () => {
    example('recurly')
    expect(mrr(subscribers(1, 1, 'day'), { ...DEFAULT_POLICY, daily_factor: '30' })).toBe(30)
  })

  test('profitwell-divergence: every point on which vendors differ is decided, most of them as a setting', () => {
    example('profitwell-divergence')
    expect(Object.keys(DEFAULT_POLICY).sort()).toEqual([
      'churn_recognised',
      'daily_factor',
      'discounts',
      'revenuecat_stripe_rows',
      'weekly_factor',
    ])
    // New and churned within a month: both sides are counted. Refunds: never MRR. On hold: 0 unless drafts are kept.
    // Reactivation: any time later. Metered: out. past_due: in.
    expect(mrr(subscribers(1, 100, 'month', { status: 'past_due' }))).toBe(100)
  })

  test('quick-ratio-a and -b: 3.5 and 2.6, with reactivation among the gains', () => {
    const a = { ...nothing, new: 20_000, expansion: 8000, churn: 5000, contraction: 3000 }
    expect({ quick_ratio: quickRatio(a) }).toEqual(example('quick-ratio-a'))
    const b = { start: 50_000, new: 8000, expansion: 4000, reactivation: 1000, contraction: 2000, churn: 3000 }
    expect({ ending: endingMrr(b), net_new: netNewMrr(b), quick_ratio: quickRatio(b) }).toEqual(
      example('quick-ratio-b'),
    )
  })

  test('net-churn-paypro: the three calculators (its table flips signs and mixes in new MRR, and is no oracle)', () => {
    const rates = [
      [50_000, 5000, 8000],
      [100_000, 10_000, 4000],
      [75_000, 3000, 3000],
    ].map(([start = 0, churn = 0, expansion = 0]) => percent(netMrrChurnRate({ ...nothing, start, churn, expansion })))
    expect(rates).toEqual(example('net-churn-paypro').net_mrr_churn_pct)
  })

  test('corl-gross: 8 %', () => {
    expect(percent(grossMrrChurnRate({ start: 50_000, churn: 4000, contraction: 0 }))).toBe(
      example('corl-gross').gross_mrr_churn_pct,
    )
  })

  test('aidxn-movement: 150 customers through a month of upgrades, downgrades and cancellations', () => {
    const LATER = '2025-02-01T00:00:00Z'
    const change = (phase: string, name: string, index: number, to: number) =>
      factsOf(
        'stripe',
        stripeEvent(
          `customer.subscription.${phase}`,
          LATER,
          subscription({
            id: `sub-${name}-${index}`,
            customer: `cus-${name}-${index}`,
            status: phase === 'deleted' ? 'canceled' : 'active',
            items: [item(price(to * 100))],
          }),
        ),
      )
    const range = (count: number) => Array.from({ length: count }, (_, index) => index)
    const facts = [
      ...subscribers(100, 100),
      ...subscribers(50, 50),
      ...range(10).flatMap((index) => change('created', 'fresh', index, 100)),
      ...range(5).flatMap((index) => change('updated', '50-month', index, 100)),
      ...range(3).flatMap((index) => change('updated', '100-month', index, 50)),
      ...range(2).flatMap((index) => change('deleted', '100-month', index + 10, 100)),
    ]
    const [first, second] = foldCustomer(facts).bridge
    if (first === undefined || second === undefined) throw new Error('two days expected')
    const to = (micro: bigint) => Number(micro) / 1e8
    const period = {
      start: to(second.start),
      new: to(second.new),
      reactivation: to(second.reactivation),
      expansion: to(second.expansion),
      contraction: to(second.contraction),
      churn: to(second.churn),
    }
    expect({
      mrr: to(first.end),
      new: period.new,
      expansion: period.expansion,
      contraction: period.contraction,
      churn: period.churn,
      net: netNewMrr(period),
      growth_pct: percent(mrrGrowthRate(period)),
    }).toEqual(example('aidxn-movement'))
  })

  test('baremetrics-same-window: who signs up and leaves within the window is among the churned, over active plus new', () => {
    example('baremetrics-same-window')
    expect(subscriberChurnRate({ churned: 1, active_before: 9, new: 1 })).toBe(0.1)
  })

  test('stripe-api-shape-changes: old and new shapes read alike (stripe/monthly-value.test.ts has each)', () => {
    example('stripe-api-shape-changes')
    const coupon = { id: 'HALF', percent_off: 50, duration: 'forever' }
    const values = [
      { discount: { id: 'd', coupon } },
      { discounts: [{ id: 'd', coupon }] },
      { discounts: [{ id: 'd', source: { coupon } }] },
    ]
    expect(values.map((more) => mrr(subscribers(1, 100, 'month', more)))).toEqual([50, 50, 50])
  })

  test('every example about revenue is used; the two about retention belong to the retention metrics', () => {
    const others = examples.map(({ id }) => id).filter((id) => !checked.has(id))
    expect([others, examples.length]).toEqual([['mixpanel-weighted-retention', 'mixpanel-calendar-vs-rolling'], 24])
  })
})

describe('ratios without a denominator', () => {
  test('are null, never 0', () => {
    const period = { ...nothing, start: 0 }
    expect([
      grossMrrChurnRate(period),
      netMrrChurnRate(period),
      mrrGrowthRate(period),
      quickRatio(period),
      arpu(0, 0),
      ltv(5, 0),
      ltv(null, 0.1),
      ltv(5, null),
      trialConversionRate({ converted: 0, ended: 0 }),
      subscriberChurnRate({ churned: 0, active_before: 0, new: 0 }),
    ]).toEqual(Array(10).fill(null))
  })
})
