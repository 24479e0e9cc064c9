import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Tenant } from '../../../db/tenant.ts'
import { withTenant } from '../../../db/tenant.ts'
import { type PeriodRow, stripeEventsOf } from '../../../sources/revenue/periods.ts'
import {
  csvRows,
  describeReal,
  item,
  price,
  readReal,
  readRealJson,
  revenuecatEvent,
  stripeEvent,
  subscription,
} from '../../sources/revenue/support.ts'
import { billingTenant, deliverRevenuecat, deliverStripe } from '../../support/billing.ts'
import { openPlatform, type Platform } from '../../support/platform.ts'

type Json = Record<string, unknown>

let platform: Platform
beforeAll(async () => {
  platform = await openPlatform()
})
afterAll(() => platform.close())

/** A tenant to which the bodies were delivered, signed, one by one, and folded. */
async function tenantOf(
  slug: string,
  { stripe = [], revenuecat = [], settings = {} }: { stripe?: unknown[]; revenuecat?: unknown[]; settings?: Json },
): Promise<Tenant> {
  const tenant = await billingTenant(platform, slug, { settings })
  for (const body of stripe) expect((await deliverStripe(platform, tenant, body)).status).toBe(200)
  for (const body of revenuecat) expect((await deliverRevenuecat(platform, tenant, body)).status).toBe(200)
  await platform.settle()
  return tenant
}

/** A metric of January 2025 as the API answers it. */
async function january(tenant: Tenant, metric: string): Promise<number | null> {
  const path = `/api/analytics/metrics/${metric}?from=2025-01-01&to=2025-02-01&granularity=month`
  const answer = await platform.get<{ series: { points: { value: number | null }[] }[] }>(tenant, path, 'finance')
  expect(answer.status, answer.text).toBe(200)
  return answer.body.series[0]?.points[0]?.value ?? null
}
const dollars = async (tenant: Tenant, metric = 'net_mrr') => ((await january(tenant, metric)) ?? Number.NaN) / 100
const percent = async (tenant: Tenant, metric: string) =>
  Math.round(((await january(tenant, metric)) ?? Number.NaN) * 10_000) / 100

const START = '2025-01-01T00:00:00Z'
const subscribers = (count: number, amount: number, interval = 'month', more: Json = {}): Json[] =>
  Array.from({ length: count }, (_, index) => {
    const name = `${amount}-${interval}-${index}`
    const of = price(amount * 100, { id: `p-${amount}-${interval}`, recurring: { interval, interval_count: 1 } })
    const object = subscription({ id: `sub-${name}`, customer: `cus-${name}`, items: [item(of)], ...more })
    return stripeEvent('customer.subscription.created', START, object)
  })

/** A month of movements as subscription periods: what is there on the last day of December, and what January does to it. */
function month(of: Partial<Record<'start' | 'new' | 'reactivation' | 'expansion' | 'contraction' | 'churn', number>>) {
  const rows: PeriodRow[] = []
  const row = (customer: string, start: string, end: string | null, amount: number) => {
    if (amount > 0) rows.push({ customer, start, end, amount: String(amount), currency: 'usd' })
  }
  const { start = 0, expansion = 0, contraction = 0, churn = 0, reactivation = 0 } = of
  row('base', '2024-12-01', null, start - churn - 2 * contraction - Math.sign(expansion))
  row('churner', '2024-12-01', '2025-01-15', churn)
  row('shrinker', '2024-12-01', '2025-01-10', 2 * contraction)
  row('shrinker', '2025-01-10', null, contraction)
  row('grower', '2024-12-01', '2025-01-12', Math.sign(expansion))
  if (expansion > 0) row('grower', '2025-01-12', null, expansion + 1)
  row('returner', '2024-06-01', '2024-09-01', reactivation)
  row('returner', '2025-01-20', null, reactivation)
  row('fresh', '2025-01-05', null, of.new ?? 0)
  return stripeEventsOf(rows)
}

describeReal(
  'published_examples',
  'the vendors’ worked examples, through the signed routes to the API’s answers',
  () => {
    const examples = readRealJson('published_examples', 'examples.json') as { id: string; expected: Json | null }[]
    const example = (id: string): Json => {
      const found = examples.find((candidate) => candidate.id === id)
      if (found === undefined) throw new Error(`no example ${id}`)
      return found.expected ?? {}
    }

    test('Stripe: a mix of months and years; discounts that last; a week', async () => {
      const mix = await tenantOf('mix', { stripe: [...subscribers(100, 100), ...subscribers(50, 600, 'year')] })
      expect(await dollars(mix)).toBe(example('stripe-mrr-mix').mrr_usd)
      expect(await january(mix, 'paying_customers')).toBe(150)
      const yearly = await tenantOf('yearly', { stripe: subscribers(1, 1200, 'year') })
      expect(await dollars(yearly)).toBe(example('stripe-annual').mrr_usd)
      const halved: Json = {}
      for (const duration of ['forever', 'once', 'repeating']) {
        const discounts = [{ coupon: { id: 'HALF', percent_off: 50, duration } }]
        const tenant = await tenantOf(`half-${duration}`, { stripe: subscribers(1, 100, 'month', { discounts }) })
        halved[`100_with_${duration}_50pct`] = await dollars(tenant)
      }
      expect(halved).toEqual(example('stripe-discounts'))
      const weekly = await tenantOf('weekly', { stripe: subscribers(1, 120, 'week') })
      expect(await dollars(weekly)).toBe(example('fivetran-week')['120_per_week'])
    })

    test('bridges: ChartMogul, Corl, PayPro, Stripe’s identity, two quick ratios', async () => {
      const chartmogul = await tenantOf('chartmogul', {
        stripe: month({ start: 100, churn: 10, contraction: 10, expansion: 10 }),
      })
      expect({
        gross_mrr_churn_pct: await percent(chartmogul, 'gross_mrr_churn_rate'),
        net_mrr_churn_pct: await percent(chartmogul, 'net_mrr_churn_rate'),
      }).toEqual(example('chartmogul-churn'))
      const corl = await tenantOf('corl', { stripe: month({ start: 50_000, churn: 4000 }) })
      expect(await percent(corl, 'gross_mrr_churn_rate')).toBe(example('corl-gross').gross_mrr_churn_pct)
      const rates: number[] = []
      for (const [start = 0, churn = 0, expansion = 0] of [
        [50_000, 5000, 8000],
        [100_000, 10_000, 4000],
        [75_000, 3000, 3000],
      ]) {
        const tenant = await tenantOf(`paypro-${start}`, { stripe: month({ start, churn, expansion }) })
        rates.push(await percent(tenant, 'net_mrr_churn_rate'))
      }
      expect(rates).toEqual(example('net-churn-paypro').net_mrr_churn_pct)
      const identity = await tenantOf('identity', {
        stripe: month({ start: 1000, new: 100, reactivation: 25, expansion: 50, contraction: 40, churn: 60 }),
      })
      expect(await dollars(identity)).toBe(1000 + 100 + 25 + 50 - 40 - 60)
      const a = await tenantOf('ratio-a', {
        stripe: month({ start: 30_000, new: 20_000, expansion: 8000, churn: 5000, contraction: 3000 }),
      })
      expect({ quick_ratio: await january(a, 'quick_ratio') }).toEqual(example('quick-ratio-a'))
      const b = await tenantOf('ratio-b', {
        stripe: month({
          start: 50_000,
          new: 8000,
          expansion: 4000,
          reactivation: 1000,
          contraction: 2000,
          churn: 3000,
        }),
      })
      expect({
        ending: await dollars(b),
        net_new: await dollars(b, 'net_new_mrr'),
        quick_ratio: await january(b, 'quick_ratio'),
      }).toEqual(example('quick-ratio-b'))
    })

    test('Treehouse: the same MRR lost by different customers', async () => {
      const lost = async (slug: string, gone: number[], kept: number[]) => {
        const row = (customer: string, amount: number, end: string | null): PeriodRow => ({
          customer,
          start: '2024-12-01',
          end,
          amount: String(amount),
          currency: 'usd',
        })
        const rows = [
          ...gone.map((amount, i) => row(`gone-${i}`, amount, '2025-01-15')),
          ...kept.map((amount, i) => row(`kept-${i}`, amount, null)),
        ]
        const tenant = await tenantOf(slug, { stripe: stripeEventsOf(rows) })
        return {
          mrr_churn_pct: await percent(tenant, 'gross_mrr_churn_rate'),
          logo_churn_pct: await percent(tenant, 'subscriber_churn_rate'),
        }
      }
      expect({
        a: await lost('treehouse-a', [3000, 3000], Array(8).fill(3562.5)),
        b: await lost('treehouse-b', [10_000], [...Array(8).fill(2722), 2724]),
      }).toEqual(example('treehouse'))
    })

    test('Baremetrics: an upgrade, then churn, in one month', async () => {
      const change = (phase: string, day: number, cents: number) =>
        stripeEvent(
          `customer.subscription.${phase}`,
          `2025-01-0${day}T12:00:00Z`,
          subscription({ items: [item(price(cents))], status: phase === 'deleted' ? 'canceled' : 'active' }),
        )
      const before = stripeEvent(
        'customer.subscription.created',
        '2024-12-20T12:00:00Z',
        subscription({ items: [item(price(50_000))] }),
      )
      const tenant = await tenantOf('baremetrics', {
        stripe: [before, change('updated', 2, 137_900), change('deleted', 3, 137_900)],
      })
      const expected = example('baremetrics-upgrade-then-churn')
      expect(await percent(tenant, 'gross_mrr_churn_rate')).toBe(expected.churn_pct_if_divided_by_start)
      expect(await percent(tenant, 'net_mrr_churn_rate')).toBe(expected.churn_pct_current_rule)
    })

    test('other vendors’ factors are settings: Kaching, RevenueCat, Recurly', async () => {
      const stripe = () => [
        ...subscribers(1, 10, 'day'),
        ...subscribers(1, 20, 'week'),
        ...subscribers(1, 30),
        ...subscribers(1, 120, 'year'),
      ]
      const theirs = { 'revenue.daily_factor': '30.437', 'revenue.weekly_factor': '4.345' }
      expect((await dollars(await tenantOf('kaching', { stripe: stripe(), settings: theirs }))).toFixed(2)).toBe(
        example('kaching-normalise').sum,
      )
      expect((await dollars(await tenantOf('ours', { stripe: stripe() }))).toFixed(2)).toBe('430.83')
      const found: Json = {}
      for (const [name, amount, days] of [
        ['8_per_month', 8, 31],
        ['120_per_year', 120, 365],
        ['4.99_per_week', 4.99, 7],
      ] as const) {
        const body = revenuecatEvent('INITIAL_PURCHASE', START, {
          price: amount,
          price_in_purchased_currency: amount,
          expiration_at_ms: Date.parse(START) + days * 86_400_000,
        })
        const settings = { 'revenue.weekly_factor': '4', 'revenue.daily_factor': '30' }
        found[name] = await dollars(await tenantOf(`rc-${days}`, { revenuecat: [body], settings }))
      }
      expect(found).toEqual(example('revenuecat-normalise'))
      const daily = await tenantOf('recurly', {
        stripe: subscribers(1, 1, 'day'),
        settings: { 'revenue.daily_factor': '30' },
      })
      expect(await dollars(daily)).toBe(30)
    })

    test('aidxn: 150 customers through a month of upgrades, downgrades and cancellations', async () => {
      const later = (phase: string, name: string, to: number) =>
        stripeEvent(
          `customer.subscription.${phase}`,
          '2025-02-03T00:00:00Z',
          subscription({
            id: `sub-${name}`,
            customer: `cus-${name}`,
            status: phase === 'deleted' ? 'canceled' : 'active',
            items: [item(price(to * 100))],
          }),
        )
      const range = (count: number) => Array.from({ length: count }, (_, index) => index)
      const tenant = await tenantOf('aidxn', {
        stripe: [
          ...subscribers(100, 100),
          ...subscribers(50, 50),
          ...range(10).map((i) => later('created', `fresh-${i}`, 100)),
          ...range(5).map((i) => later('updated', `50-month-${i}`, 100)),
          ...range(3).map((i) => later('updated', `100-month-${i}`, 50)),
          ...range(2).map((i) => later('deleted', `100-month-${i + 10}`, 100)),
        ],
      })
      const { body } = await platform.get<{ bridge: Record<string, number>[] }>(
        tenant,
        '/api/analytics/revenue?from=2025-02-01&to=2025-03-01&granularity=month',
        'finance',
      )
      const of = (name: string) => (body.bridge[0]?.[name] ?? Number.NaN) / 100
      const net = of('new') + of('expansion') - of('contraction') - of('churn')
      expect({
        mrr: of('start'),
        new: of('new'),
        expansion: of('expansion'),
        contraction: of('contraction'),
        churn: of('churn'),
        net,
        growth_pct: Math.round((net / of('start')) * 10_000) / 100,
      }).toEqual(example('aidxn-movement'))
    })

    test('RevenueCat: a renewal the day after the expiry is churn, then reactivation', async () => {
      // instants on the boundaries of buckets, the last of which a refresh must not forget
      const bought = '2025-01-01T00:00:00Z'
      const end = '2025-01-20T00:00:00Z'
      const tenant = await tenantOf('rc-return', {
        revenuecat: [
          revenuecatEvent('INITIAL_PURCHASE', bought),
          revenuecatEvent('EXPIRATION', end, {
            expiration_at_ms: Date.parse(end),
            purchased_at_ms: Date.parse(bought),
          }),
          revenuecatEvent('RENEWAL', '2025-01-21T00:00:00Z'),
        ],
      })
      expect([await dollars(tenant, 'churn_mrr'), await dollars(tenant, 'reactivation_mrr')]).toEqual([9.99, 9.99])
      expect(await dollars(tenant)).toBe(9.99)
    })
  },
)

describeReal(
  'stripe_fivetran_seeds',
  'a warehouse copy of Stripe tables, as the webhooks that would have made it',
  () => {
    test('every price and plan has its exact monthly value in the ledger', async () => {
      const rows = [
        ...csvRows(readReal('stripe_fivetran_seeds', 'price_data.csv')),
        ...csvRows(readReal('stripe_fivetran_seeds', 'plan_data.csv')),
      ]
      const stripe = rows.flatMap((row) => {
        const interval = row.recurring_interval || row.interval
        if (!interval) return []
        const interval_count = Number(row.recurring_interval_count || row.interval_count)
        const unit_amount = Number(row.unit_amount ?? row.amount)
        const of = {
          id: row.id,
          currency: row.currency,
          unit_amount,
          recurring: { interval, interval_count, usage_type: 'licensed' },
        }
        const object = subscription({
          id: `sub_${row.id}`,
          customer: `cus_${row.id}`,
          items: [{ id: `si_${row.id}`, price: of, quantity: 1 }],
        })
        return [
          {
            id: row.id,
            months: (interval === 'year' ? 12 : 1) * interval_count,
            unit_amount,
            event: stripeEvent('customer.subscription.created', START, object),
          },
        ]
      })
      expect(stripe.length).toBeGreaterThan(4)
      const tenant = await tenantOf('fivetran', { stripe: stripe.map(({ event }) => event) })
      const ledger = await withTenant(platform.db.pool, tenant.id, async (client) => {
        const found = await client.query<{ plan: string; minor: number }>(
          'select plan, (sum(delta) / 1000000)::float8 as minor from mrr_entries group by 1',
        )
        return new Map(found.rows.map(({ plan, minor }) => [plan, minor]))
      })
      for (const { id, unit_amount, months } of stripe)
        expect.soft(ledger.get(id ?? ''), id).toBeCloseTo(unit_amount / months, 5)
    })
  },
)
