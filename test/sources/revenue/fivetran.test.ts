import { expect, test } from 'vitest'
import { monthlyValue } from '../../../sources/revenue/monthly-value.ts'
import { DEFAULT_POLICY } from '../../../sources/revenue/policy.ts'
import { formatRational } from '../../../sources/revenue/rational.ts'
import { subscriptionShape } from '../../../sources/revenue/stripe/shapes.ts'
import { readSubscription } from '../../../sources/revenue/stripe/subscription.ts'
import { csvRows, describeReal, readReal } from './support.ts'

const seed = (name: string): Record<string, string>[] => csvRows(readReal('stripe_fivetran_seeds', `${name}_data.csv`))
const number = (text: string | undefined): number | null => (text ? Number(text) : null)

function priceOf(row: Record<string, string>) {
  const interval = row.recurring_interval || row.interval
  return {
    id: row.id,
    currency: row.currency,
    unit_amount: number(row.unit_amount ?? row.amount),
    unit_amount_decimal: row.unit_amount_decimal || null,
    recurring: interval
      ? { interval, interval_count: number(row.recurring_interval_count || row.interval_count), usage_type: 'licensed' }
      : null,
  }
}

function monthly(row: Record<string, string>, quantity = 1, coupon?: Record<string, unknown>): string[] {
  const state = readSubscription(
    subscriptionShape.parse({
      id: 'sub_seed',
      customer: 'cus_seed',
      status: 'active',
      items: { data: [{ id: 'si_seed', price: priceOf(row), quantity }] },
      discounts: coupon ? [{ id: 'di_seed', source: { type: 'coupon', coupon } }] : [],
    }),
  )
  return monthlyValue(state, DEFAULT_POLICY).values.map(({ exact, currency }) => `${formatRational(exact)} ${currency}`)
}

describeReal('stripe_fivetran_seeds', 'a warehouse copy of Stripe tables', () => {
  test('prices: one-time is not MRR; month, year and quarter are normalised exactly', () => {
    expect(seed('price').map((row) => monthly(row))).toEqual([[], ['2999 usd'], ['14995/6 usd'], ['8000/3 eur']])
    expect([29990 / 12, 8000 / 3].map((value) => value.toFixed(2))).toEqual(['2499.17', '2666.67'])
  })

  test('plans over 1, 3 and 6 months with the quantities of the subscription items', () => {
    const plans = new Map(seed('plan').map((row) => [row.id, row]))
    const expected = (amount: number, months: number, quantity: number) => (amount * quantity) / months
    for (const row of seed('subscription_item')) {
      const plan = plans.get(row.plan_id ?? '')
      if (plan === undefined) continue
      const quantity = Number(row.quantity)
      const value = expected(Number(plan.amount), Number(plan.interval_count), quantity)
      expect(monthly(plan, quantity)).toEqual([`${value} usd`])
    }
    expect(monthly(plans.get('214gfdg') ?? {}, 2)).toEqual(['176020 usd'])
  })

  test('coupons: only the ones that last for ever lower MRR', () => {
    const price = seed('price').find((row) => row.id === 'price_2') ?? {}
    const values = seed('coupon').map((row) => {
      const coupon = {
        id: row.id,
        percent_off: number(row.percent_off),
        amount_off: number(row.amount_off),
        currency: row.currency,
        duration: row.duration,
        duration_in_months: number(row.duration_in_months),
      }
      return [row.id, monthly(price, 1, coupon)[0]]
    })
    expect(Object.fromEntries(values)).toEqual({
      coupon_1: '2999 usd', // once
      coupon_2: '506831/200 usd', // 15.5 % for ever
      coupon_3: '2999 usd', // repeating
      coupon_4: '2999 usd', // once
      coupon_5: '2999 usd', // 20.00 for ever, but Canadian dollars off a price in US dollars
      coupon_6: '2999 usd', // repeating
      coupon_7: '2999 usd', // once
      coupon_8: '11996/5 usd', // 20 % for ever
      coupon_9: '2999 usd', // repeating
      coupon_10: '2999 usd', // once
    })
  })
})
