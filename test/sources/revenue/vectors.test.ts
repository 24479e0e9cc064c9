import { describe, expect, test } from 'vitest'
import { mrrResidual } from '../../../sources/revenue/bridge.ts'
import { foldCustomer } from '../../../sources/revenue/fold.ts'
import {
  arpu,
  arr,
  grossMrrChurnRate,
  ltv,
  netMrrChurnRate,
  subscriberChurnRate,
} from '../../../sources/revenue/kpis.ts'
import { formatMicro } from '../../../sources/revenue/money.ts'
import { DEFAULT_POLICY, policyVersion, revenuePolicySchema } from '../../../sources/revenue/policy.ts'
import { factsOf, item, price, stripeEvent, subscription } from './support.ts'

type Json = Record<string, unknown>
const DAY1 = '2025-01-01T00:00:00Z'
const DAY2 = '2025-01-02T00:00:00Z'

function phase(name: 'created' | 'updated' | 'deleted', at: string, id: string, amount: number, more: Json = {}) {
  const { interval = 'month', quantity = 1, customer = id, ...rest } = more
  const of = price(amount, { id: `p-${amount}-${String(interval)}`, recurring: { interval, interval_count: 1 } })
  return factsOf(
    'stripe',
    stripeEvent(
      `customer.subscription.${name}`,
      at,
      subscription({
        id: `sub-${id}`,
        customer: `cus-${String(customer)}`,
        status: name === 'deleted' ? 'canceled' : 'active',
        items: [item(of, Number(quantity))],
        ...rest,
      }),
    ),
  )
}
const shown = (facts: ReturnType<typeof factsOf>) =>
  formatMicro(
    foldCustomer(facts).movements.reduce((sum, { delta }) => sum + delta, 0n),
    'usd',
  )

describe('the vectors the metric definitions name', () => {
  test('$1,000 at the start, +100 new, +50 expansion, +25 reactivation, −40 contraction, −60 churn', () => {
    const facts = [
      ...phase('created', DAY1, 'steady', 70_000),
      ...phase('created', DAY1, 'grows', 10_000),
      ...phase('created', DAY1, 'shrinks', 14_000),
      ...phase('created', DAY1, 'leaves', 6_000),
      ...phase('created', '2024-12-01T00:00:00Z', 'returns', 2_500),
      ...phase('deleted', '2024-12-20T00:00:00Z', 'returns', 2_500),
      ...phase('created', DAY2, 'first', 10_000),
      ...phase('updated', DAY2, 'grows', 15_000),
      ...phase('created', DAY2, 'returns-again', 2_500, { customer: 'returns' }),
      ...phase('updated', DAY2, 'shrinks', 10_000),
      ...phase('deleted', DAY2, 'leaves', 6_000),
    ]
    const day = foldCustomer(facts).bridge.find((candidate) => candidate.day === '2025-01-02')
    if (day === undefined) throw new Error('no bridge')
    const { currency, day: _, ...columns } = day
    expect(
      Object.fromEntries(Object.entries(columns).map(([name, micro]) => [name, formatMicro(micro, currency)])),
    ).toEqual({
      start: '1000.00',
      new: '100.00',
      reactivation: '25.00',
      expansion: '50.00',
      contraction: '40.00',
      churn: '60.00',
      fx: '0.00',
      end: '1075.00',
    })
    expect(mrrResidual(day)).toBe(0n)
  })

  test('4 yearly seats for $2,000 are 166.67', () => {
    expect(shown(phase('created', DAY1, 'a', 50_000, { interval: 'year', quantity: 4 }))).toBe('166.67')
  })

  test('$120 a year is 10.00, a weekly 1.00 is 4.33; $120/12 + $25 is 35.00', () => {
    expect(shown(phase('created', DAY1, 'a', 12_000, { interval: 'year' }))).toBe('10.00')
    expect(shown(phase('created', DAY1, 'a', 100, { interval: 'week' }))).toBe('4.33')
    expect(
      shown([...phase('created', DAY1, 'a', 12_000, { interval: 'year' }), ...phase('created', DAY1, 'b', 2_500)]),
    ).toBe('35.00')
  })

  test('1,000 + 100 + 50 − 40 − 60 − 5 is 1,045, the 5 being more of the same churn', () => {
    const day = {
      start: 1000n,
      new: 100n,
      reactivation: 0n,
      expansion: 50n,
      contraction: 40n,
      churn: 65n,
      fx: 0n,
      end: 1045n,
    }
    expect(mrrResidual(day)).toBe(0n)
    expect(mrrResidual({ ...day, fx: 3n, end: 1048n })).toBe(0n)
    expect(mrrResidual({ ...day, end: 1046n })).toBe(-1n)
  })

  test('net churn: start 100, −10 churn, −10 contraction, +10 expansion: gross 20 %, net 10 %', () => {
    const period = { start: 100, churn: 10, contraction: 10, expansion: 10, reactivation: 0 }
    expect([grossMrrChurnRate(period), netMrrChurnRate(period)]).toEqual([0.2, 0.1])
  })

  test('ARPU 500; LTV is exactly 5,500 with 100 of 1,000 + 100 churned (Stripe prints 5,555 by rounding the rate to 9 %)', () => {
    const rate = subscriberChurnRate({ churned: 100, active_before: 1000, new: 100 })
    expect(arpu(50_000, 100)).toBe(500)
    expect(arr(50_000n)).toBe(600_000)
    expect(ltv(500, rate)).toBeCloseTo(5500, 9)
  })

  test('revenue retention of 1,000 − 100 + 75 is 97.5 %: a rise counts by its difference, not its whole new value', () => {
    const facts = [
      ...Array.from({ length: 10 }, (_, index) => index).flatMap((index) =>
        phase('created', DAY1, `c${index}`, 10_000),
      ),
      ...phase('deleted', DAY2, 'c0', 10_000),
      ...[1, 2, 3].flatMap((index) => phase('updated', DAY2, `c${index}`, 12_500)),
    ]
    expect(shown(facts)).toBe('975.00')
  })
})

describe('the policy', () => {
  test('has a version that names every choice and changes with each', () => {
    expect(policyVersion(DEFAULT_POLICY)).toBe(
      'mrr1 churn=period_end discounts=permanent week=52/12 day=365/12 revenuecat_stripe=ignore',
    )
    const others = [
      { churn_recognised: 'request' },
      { discounts: 'recurring' },
      { weekly_factor: '4' },
      { daily_factor: '30' },
      { revenuecat_stripe_rows: 'count' },
    ].map((change) => policyVersion(revenuePolicySchema.parse(change)))
    expect(new Set([policyVersion(DEFAULT_POLICY), ...others]).size).toBe(6)
  })

  test('refuses what it does not know', () => {
    expect(revenuePolicySchema.safeParse({ weekly_factor: '5' }).success).toBe(false)
    expect(revenuePolicySchema.safeParse({ churn: 'request' }).success).toBe(false)
  })
})
