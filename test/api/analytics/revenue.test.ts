import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { importRates } from '../../../db/fx.ts'
import { storeWebhooks } from '../../../db/revenue/webhooks.ts'
import { piiKey } from '../../../db/secrets.ts'
import type { Tenant } from '../../../db/tenant.ts'
import { metrics } from '../../../metrics/catalog.ts'
import { type PeriodRow, stripeEventsOf } from '../../../sources/revenue/periods.ts'
import { describeReal, readRealJson, realFiles, revenuecatEvent } from '../../sources/revenue/support.ts'
import { billingTenant, deliverRevenuecat, deliverStripe } from '../../support/billing.ts'
import { openPlatform, type Platform } from '../../support/platform.ts'

let platform: Platform
let tenant: Tenant
let abroad: Tenant

const row = (customer: string, start: string, end: string | null, amount: string, currency = 'usd'): PeriodRow => ({
  customer,
  start,
  end,
  amount,
  currency,
})
const history: PeriodRow[] = [
  row('a', '2026-01-05', null, '100.00'),
  row('b', '2026-01-10', '2026-03-10', '50.00'),
  row('b', '2026-03-10', '2026-04-20', '80.00'),
  row('c', '2026-02-01', '2026-02-20', '30.00'),
  row('c', '2026-04-02', null, '30.00'),
  row('d', '2026-02-03', null, '40.00'),
  row('d', '2026-02-10', '2026-04-11', '10.00'),
]

beforeAll(async () => {
  platform = await openPlatform()
  tenant = await billingTenant(platform, 'money')
  abroad = await billingTenant(platform, 'abroad', { currency: 'EUR' })
  for (const event of stripeEventsOf(history)) expect((await deliverStripe(platform, tenant, event)).status).toBe(200)
  const foreign = [row('x', '2026-01-05', null, '100.00'), row('y', '2026-01-06', null, '1000', 'jpy')]
  for (const event of stripeEventsOf([...foreign, row('z', '2026-01-07', '2026-03-03', '7.00', 'eur')]))
    await deliverStripe(platform, abroad, event)
  await platform.settle()
})
afterAll(() => platform.close())

type Series = { series: { key: Record<string, string>; points: { t: string; value: number | null }[] }[] }
const read = async (of: Tenant, metric: string, more = ''): Promise<(number | null)[]> => {
  const path = `/api/analytics/metrics/${metric}?from=2026-01-01&to=2026-05-01&granularity=month${more}`
  const answer = await platform.get<Series & { policy_version: string }>(of, path, 'finance')
  expect(answer.status, answer.text).toBe(200)
  expect(answer.body.policy_version).toMatch(/^mrr1 /)
  return answer.body.series[0]?.points.map(({ value }) => value) ?? []
}

describe('revenue metrics', () => {
  test('every one follows from the ledger', async () => {
    const expected: Record<string, (number | null)[]> = {
      net_mrr: [15000, 20000, 23000, 17000],
      net_new_mrr: [15000, 5000, 3000, -6000],
      new_mrr: [15000, 7000, 0, 0],
      reactivation_mrr: [0, 0, 0, 3000],
      expansion_mrr: [0, 1000, 3000, 0],
      contraction_mrr: [0, 0, 0, 1000],
      churn_mrr: [0, 3000, 0, 8000],
      mrr_fx_adjustment: [0, 0, 0, 0],
      arr: [180000, 240000, 276000, 204000],
      paying_customers: [2, 3, 3, 3],
      arpu: [7500, 6667, 7667, 5667],
      gross_mrr_churn_rate: [null, 0.2, 0, 9000 / 23000],
      net_mrr_churn_rate: [null, 2000 / 15000, -3000 / 20000, 6000 / 23000],
      quick_ratio: [null, 8000 / 3000, null, 3000 / 9000],
      // 30 days to the last of February: 1 of 2 + 2; to the last of April: 1 of 3
      subscriber_churn_rate: [0, 0.25, 0, 1 / 3],
      ltv: [null, 26667, null, 17000],
      mrr_ledger_residual: [0, 0, 0, 0],
      trial_conversion_rate: [null, null, null, null],
      one_time_revenue: [0, 0, 0, 0],
    }
    const found = Object.fromEntries(
      await Promise.all(Object.keys(expected).map(async (name) => [name, await read(tenant, name)] as const)),
    )
    expect(found).toEqual(expected)
    const revenue = metrics.filter(({ category }) => category === 'revenue').map(({ name }) => name)
    expect(revenue.filter((name) => !(name in expected))).toEqual(['mrr_quarterly_growth'])
    expect((await read(tenant, 'mrr_quarterly_growth')).at(3)).toBeCloseTo(17000 / 15000 - 1)
  })

  test('plans, currencies and providers add up to the whole', async () => {
    for (const metric of ['net_mrr', 'expansion_mrr', 'churn_mrr'])
      for (const dimension of ['plan', 'currency', 'provider']) {
        const path = `/api/analytics/metrics/${metric}?from=2026-01-01&to=2026-05-01&granularity=month&group_by=${dimension}`
        const { body } = await platform.get<Series>(tenant, path)
        const sums = [0, 1, 2, 3].map((i) => body.series.reduce((sum, { points }) => sum + (points[i]?.value ?? 0), 0))
        expect(sums, `${metric} by ${dimension}`).toEqual(await read(tenant, metric))
      }
  })

  test('are for finance and admins, and for nobody else’s tenant', async () => {
    for (const path of ['revenue/kpis', 'revenue', 'revenue/movements?date=2026-03-01', 'metrics/net_mrr'])
      for (const role of ['coach', 'service'] as const)
        expect((await platform.get(tenant, `/api/analytics/${path}`, role)).status, `${path} ${role}`).toBe(403)
    const empty = await platform.createTenant({ slug: 'empty' })
    expect(await read(empty, 'net_mrr')).toEqual([0, 0, 0, 0])
    const movements = await platform.get(empty, '/api/analytics/revenue/movements?date=2026-03-10', 'finance')
    expect(movements.body).toMatchObject({ rows: 0, total: 0, movements: [] })
  })
})

describe('exchange', () => {
  test('an unknown rate gives null, never 1; then each change counts at its day’s rate and the rest is fx', async () => {
    expect(await read(abroad, 'net_mrr')).toEqual([null, null, null, null])
    const kpis = await platform.get(abroad, '/api/analytics/revenue/kpis', 'finance')
    expect(kpis.body).toMatchObject({
      exchange: [
        { currency: 'JPY', missing: true, stale: true },
        { currency: 'USD', missing: true, stale: true },
      ],
    })
    await importRates(platform.db.pool, [
      { currency: 'usd', day: '2026-01-02', rate: '1.25' },
      { currency: 'usd', day: '2026-02-10', rate: '1.00' },
      { currency: 'jpy', day: '2026-01-02', rate: '200' },
    ])
    await platform.settle()
    // 100 USD = 80 EUR then 100 EUR; 1000 JPY = 5 EUR; 7 EUR until March
    expect(await read(abroad, 'net_mrr')).toEqual([9200, 11200, 10500, 10500])
    expect(await read(abroad, 'new_mrr')).toEqual([9200, 0, 0, 0])
    expect(await read(abroad, 'churn_mrr')).toEqual([0, 0, 700, 0])
    expect(await read(abroad, 'mrr_fx_adjustment')).toEqual([0, 2000, 0, 0])
    expect(await read(abroad, 'mrr_ledger_residual')).toEqual([0, 0, 0, 0])
  })
})

describe('the revenue routes', () => {
  type Explained = { total: number; rows: number; movements: { amount: number; provider_event_ids: string[] }[] }
  test('every movement is the sum of ledger rows that name their provider events', async () => {
    for (const type of ['new', 'reactivation', 'expansion', 'contraction', 'churn'] as const) {
      const figures = await read(tenant, `${type}_mrr`)
      for (const [index, figure] of figures.entries()) {
        const path = `/api/analytics/revenue/movements?date=2026-0${index + 1}-15&granularity=month&type=${type}`
        const { body } = await platform.get<Explained>(tenant, path, 'finance')
        expect(body.total, `${type} ${index}`).toBe(figure)
        expect(body.movements.reduce((sum, { amount }) => sum + amount, 0)).toBeCloseTo(figure ?? 0, 5)
        expect(body.rows).toBe(body.movements.length)
        for (const { provider_event_ids } of body.movements) expect(provider_event_ids[0]).toMatch(/^evt_period_/)
      }
    }
    const { body } = await platform.get<Explained>(
      tenant,
      '/api/analytics/revenue/movements?date=2026-03-10',
      'finance',
    )
    expect(body).toMatchObject({
      total: 3000,
      movements: [
        {
          customer: 'b',
          type: 'expansion',
          amount: 3000,
          provider_event_ids: ['evt_period_1_deleted', 'evt_period_2_created'],
        },
      ],
    })
  })

  test('the bridge closes, plans sum to MRR, and the forecast says where it stands', async () => {
    type Bridge = Record<
      'start' | 'new' | 'reactivation' | 'expansion' | 'contraction' | 'churn' | 'fx' | 'end',
      number
    >
    type Answer = {
      bridge: Bridge[]
      plans: { mrr: number }[]
      arr_forecast: { available: boolean; months: { low: number; value: number; high: number }[] }
    }
    const { body, status, text } = await platform.get<Answer>(
      tenant,
      '/api/analytics/revenue?from=2026-01-01&to=2026-05-01&granularity=day',
      'finance',
    )
    expect(status, text).toBe(200)
    expect(body.bridge).toHaveLength(120)
    for (const b of body.bridge)
      expect(b.start + b.new + b.reactivation + b.expansion - b.contraction - b.churn + b.fx).toBe(b.end)
    expect(body.plans.reduce((sum, { mrr }) => sum + mrr, 0)).toBe(17000)
    expect(body.arr_forecast.available).toBe(true)
    for (const { low, value, high } of body.arr_forecast.months) expect(low <= value && value <= high).toBe(true)
    const kpis = await platform.get<{ cards: { name: string; value: number | null }[] }>(
      tenant,
      '/api/analytics/revenue/kpis',
      'finance',
    )
    expect(kpis.status, kpis.text).toBe(200)
    expect(kpis.body.cards.find(({ name }) => name === 'net_mrr')?.value).toBe(17000)
  })

  test('a flood of 10,000 duplicates out of order, on both webhooks, leaves the ledger unchanged', async () => {
    const purchases = ['2026-01-03', '2026-02-03', '2026-03-03'].map((at, i) =>
      revenuecatEvent(i === 0 ? 'INITIAL_PURCHASE' : 'RENEWAL', `${at}T00:00:00Z`, {
        original_transaction_id: 'flood',
      }),
    )
    for (const body of purchases) expect((await deliverRevenuecat(platform, tenant, body)).status).toBe(200)
    await platform.settle()
    const before = await Promise.all(['net_mrr', 'paying_customers', 'churn_mrr'].map((name) => read(tenant, name)))
    const intake = { tenant, piiKey: await piiKey(platform.db.pool, platform.masterKey, tenant.id) }
    const events = stripeEventsOf(history)
    const of = <T>(bodies: readonly T[], count: number) =>
      Array.from({ length: count }, (_, i) => bodies[(i * 7 + 3) % bodies.length] as T)
    // most of it behind the signature, the rest through it, eight at a time
    for (const [provider, bodies] of [
      ['stripe', events],
      ['revenuecat', purchases],
    ] as const)
      for (let i = 0; i < 4_600; i += 460)
        expect(await storeWebhooks(platform.db.pool, intake, provider, of(bodies, 460))).toMatchObject({
          facts: 0,
          duplicates: 460,
        })
    for (let i = 0; i < 400; i += 4) {
      const answers = await Promise.all([
        ...of(events, i + 4)
          .slice(i)
          .map((event) => deliverStripe(platform, tenant, event)),
        ...of(purchases, i + 4)
          .slice(i)
          .map((body) => deliverRevenuecat(platform, tenant, body)),
      ])
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
    }
    await platform.settle()
    const after = await Promise.all(['net_mrr', 'paying_customers', 'churn_mrr'].map((name) => read(tenant, name)))
    expect(after).toEqual(before)
  }, 120_000)
})

describeReal('stripe_derived', 'one real subscription in every interval and currency', () => {
  type Case = { expected: { gross_monthly_minor: Record<string, string>; currency: string }; event: unknown }
  test('gives its expected monthly value through the signed route', async () => {
    const derived = await billingTenant(platform, 'derived')
    const cases = readRealJson('stripe_derived', 'cases.json') as Case[]
    for (const { event } of cases) expect((await deliverStripe(platform, derived, event)).status).toBe(200)
    await platform.settle()
    const { rows } = await platform.db.pool.query<{ currency: string; minor: number }>(
      'select currency, (sum(delta) / 1000000)::float8 as minor from analytics.mrr_entries where tenant_id = $1 group by 1',
      [derived.id],
    )
    const distinct = new Map(cases.map((one) => [(one.event as { id: string }).id, one]))
    const expected: Record<string, number> = {}
    for (const { expected: value } of distinct.values())
      expected[value.currency] =
        (expected[value.currency] ?? 0) + Number(fraction(value.gross_monthly_minor.week52_12_day365_12 ?? '0'))
    for (const { currency, minor } of rows)
      expect.soft(minor, currency).toBeCloseTo(expected[currency] ?? Number.NaN, 3)
    expect(rows.length).toBe(Object.keys(expected).length)
  })
})

/** `100/3` or `12.5` as a number. */
function fraction(text: string): number {
  const [n = '0', d = '1'] = text.split('/')
  return Number(n) / Number(d)
}

describe('real bodies', () => {
  for (const [folder, deliver] of [
    ['stripe_pay_fixtures', deliverStripe],
    ['stripe_sync_engine', deliverStripe],
    ['stripe_ruby_mock', deliverStripe],
    ['revenuecat_events', deliverRevenuecat],
  ] as const)
    describeReal(folder, folder, () => {
      test('are all stored, and the ledger closes', async () => {
        const real = await billingTenant(platform, folder.replaceAll('_', '-'))
        for (const file of realFiles(folder)) {
          const body = readRealJson(folder, file)
          expect((await deliver(platform, real, body)).status, file).toBe(200)
        }
        await platform.settle()
        const kpis = await platform.get(real, '/api/analytics/revenue/kpis', 'finance')
        expect(kpis.status, kpis.text).toBe(200)
      })
    })
})
