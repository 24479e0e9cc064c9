import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkRevenue } from '../../db/revenue/check.ts'
import { storeWebhooks } from '../../db/revenue/webhooks.ts'
import { piiKey } from '../../db/secrets.ts'
import { type Tenant, withTenant } from '../../db/tenant.ts'
import { updateTenant } from '../../db/tenant-settings.ts'
import { ratesOfRows } from '../../sources/revenue/ecb-rates.ts'
import { type PeriodRow, stripeEventsOf } from '../../sources/revenue/periods.ts'
import { openPlatform, type Platform } from '../support/platform.ts'

let platform: Platform
beforeAll(async () => {
  platform = await openPlatform()
})
afterAll(() => platform.close())

const period = (customer: string, start: string, end: string | null, amount: string, currency = 'usd'): PeriodRow => ({
  customer,
  start,
  end,
  amount,
  currency,
})

async function load(tenant: Tenant, bodies: readonly unknown[], provider: 'stripe' | 'revenuecat' = 'stripe') {
  const intake = { tenant, piiKey: await piiKey(platform.db.pool, Buffer.alloc(32, 7), tenant.id) }
  return storeWebhooks(platform.db.pool, intake, provider, bodies)
}

/** Everything the fold writes for a tenant, as text. */
async function ledgerOf(tenant: Tenant): Promise<string[]> {
  const rows: string[] = []
  for (const table of ['mrr_movements', 'mrr_entries', 'revenue_entries', 'trials', 'subscriptions']) {
    const result = await platform.db.pool.query<{ row: string }>(
      `select to_jsonb(x)::text as row from analytics.${table} x where tenant_id = $1 order by 1`,
      [tenant.id],
    )
    rows.push(...result.rows.map(({ row }) => `${table} ${row}`))
  }
  return rows
}

const history: PeriodRow[] = [
  period('a', '2026-01-05', null, '100.00'),
  period('b', '2026-01-10', '2026-03-10', '50.00'),
  period('b', '2026-03-10', '2026-04-20', '80.00'),
  period('c', '2026-02-01', '2026-02-20', '30.00'),
  period('c', '2026-04-02', null, '30.00'),
  period('d', '2026-02-03', null, '40.00'),
  period('d', '2026-02-10', '2026-04-11', '10.00'),
]

const bridgeOf = (tenant: Tenant) =>
  withTenant(platform.db.pool, tenant.id, async (client) => {
    const { rows } = await client.query<Record<string, unknown>>(
      `select t::date as month, start_mrr::float8, new_mrr::float8, reactivation_mrr::float8, expansion_mrr::float8,
         contraction_mrr::float8, churn_mrr::float8, fx::float8, end_mrr::float8
       from mrr_bridge('month', '2026-01-01', '2026-05-01', '2026-12-31', null, '{}') order by 1`,
    )
    return rows
  })

describe('the MRR ledger in the database', () => {
  test('a table of periods becomes the bridge of its months', async () => {
    const tenant = await platform.createTenant({ slug: 'bridge' })
    await load(tenant, stripeEventsOf(history))
    await platform.settle()
    expect(await checkRevenue(platform.db.pool)).toEqual([])
    const row = (month: string, ...v: number[]) => {
      const [start_mrr, new_mrr, reactivation_mrr, expansion_mrr, contraction_mrr, churn_mrr, end_mrr] = v
      const movements = { new_mrr, reactivation_mrr, expansion_mrr, contraction_mrr, churn_mrr }
      return { month, start_mrr, ...movements, fx: 0, end_mrr }
    }
    expect(await bridgeOf(tenant)).toEqual([
      row('2026-01-01', 0, 15000, 0, 0, 0, 0, 15000),
      row('2026-02-01', 15000, 7000, 0, 1000, 0, 3000, 20000),
      row('2026-03-01', 20000, 0, 0, 3000, 0, 0, 23000),
      row('2026-04-01', 23000, 0, 3000, 0, 1000, 8000, 17000),
    ])
  })

  test('order, repetition and batching of deliveries change nothing', async () => {
    const events = stripeEventsOf(history)
    const [one, two] = [
      await platform.createTenant({ slug: 'order-1' }),
      await platform.createTenant({ slug: 'order-2' }),
    ]
    await load(one, events)
    await platform.settle()
    for (const event of [...events].reverse()) {
      await load(two, [event, event])
      await platform.settle()
    }
    expect(await load(two, events)).toMatchObject({ facts: 0, duplicates: events.length })
    await platform.settle()
    const neutral = (rows: string[], { id }: Tenant) => rows.map((row) => row.replaceAll(id, 'tenant'))
    expect(neutral(await ledgerOf(two), two)).toEqual(neutral(await ledgerOf(one), one))
  })

  test('another policy or time zone folds everything again', async () => {
    const tenant = await platform.createTenant({ slug: 'zone' })
    await load(tenant, stripeEventsOf([period('z', '2026-01-31T20:00:00Z', null, '10.00')]))
    await platform.settle()
    expect((await bridgeOf(tenant))[0]).toMatchObject({ month: '2026-01-01', new_mrr: 1000 })
    await updateTenant(platform.db.pool, 'zone', { timezone: 'Asia/Tokyo' })
    await platform.settle()
    expect((await bridgeOf(tenant)).map(({ month, new_mrr }) => [month, new_mrr])).toContainEqual(['2026-02-01', 1000])
  })

  test('a damaged ledger is found', async () => {
    const tenant = await platform.createTenant({ slug: 'damaged' })
    await load(tenant, stripeEventsOf([period('q', '2026-01-05', null, '10.00')]))
    await platform.settle()
    const checked = async () => {
      const found = await withTenant(platform.db.pool, tenant.id, (client) =>
        client.query('select * from revenue_checks'),
      )
      return found.rows[0]
    }
    await checkRevenue(platform.db.pool)
    expect(await checked()).toMatchObject({ findings: 0, first_finding: null })
    await platform.db.pool.query('update analytics.mrr_entries set delta = delta + 1 where tenant_id = $1', [tenant.id])
    const findings = await checkRevenue(platform.db.pool)
    expect(findings.map(({ tenant_id }) => tenant_id)).toContain(tenant.id)
    expect(findings[0]?.finding).toContain('2026-01-05')
    // what the alert on the ledger reads
    expect(await checked()).toMatchObject({ findings: 2, first_finding: expect.stringContaining('2026-01-05') })
  })

  test('rates of either file form are read, and other rows are refused', () => {
    expect(ratesOfRows([{ Date: '2026-01-02', USD: '1.25', JPY: 'N/A', '': '' }])).toEqual([
      { currency: 'usd', day: '2026-01-02', rate: '1.25' },
    ])
    expect(ratesOfRows([{ day: '2026-01-02', currency: 'USD', rate: '1.1' }])).toHaveLength(1)
    expect(() => ratesOfRows([{ day: 'yesterday', currency: 'USD', rate: '1.1' }])).toThrow('row 1')
  })
})
