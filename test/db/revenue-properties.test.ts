import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkRevenue } from '../../db/revenue/check.ts'
import { foldRevenue } from '../../db/revenue/fold.ts'
import { storeWebhooks } from '../../db/revenue/webhooks.ts'
import { type Tenant, withTenant } from '../../db/tenant.ts'
import { policies, revenuecatBodies, stripeBodies } from '../sources/revenue/histories.ts'
import { openPlatform, type Platform } from '../support/platform.ts'

type Body = { provider: 'stripe' | 'revenuecat'; body: Record<string, unknown> }

let platform: Platform
let serial = 0
beforeAll(async () => {
  platform = await openPlatform()
})
afterAll(() => platform.close())

/** A history, and how it is delivered: in any order, parts of it again, in batches with folds between some of them. */
const scenarios = fc
  .tuple(stripeBodies, revenuecatBodies, policies, fc.constantFrom('UTC', 'Asia/Kathmandu', 'America/St_Johns'))
  .map(([stripe, store, policy, timezone]) => ({
    policy,
    timezone,
    bodies: [
      ...stripe.map((body): Body => ({ provider: 'stripe', body })),
      ...store.map((body): Body => ({ provider: 'revenuecat', body })),
    ],
  }))
  .filter(({ bodies }) => bodies.length > 8)
  .chain((scenario) =>
    fc.record({
      scenario: fc.constant(scenario),
      shuffled: fc.shuffledSubarray(scenario.bodies, { minLength: scenario.bodies.length }),
      again: fc.shuffledSubarray(scenario.bodies),
      sizes: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 }),
      folds: fc.array(fc.constantFrom(0, 1, 1_000), { minLength: 1, maxLength: 4 }),
    }),
  )

async function deliver(tenant: Tenant, bodies: readonly Body[]): Promise<void> {
  const intake = { tenant, piiKey: Buffer.alloc(32, 7) }
  for (const provider of ['stripe', 'revenuecat'] as const) {
    const own = bodies.filter((one) => one.provider === provider).map(({ body }) => body)
    if (own.length > 0) await storeWebhooks(platform.db.pool, intake, provider, own)
  }
}

async function ledger(tenant: Tenant): Promise<string[]> {
  const rows: string[] = []
  for (const table of [
    'mrr_movements',
    'mrr_entries',
    'revenue_entries',
    'trials',
    'subscriptions',
    'revenue_issues',
  ]) {
    const found = await platform.db.pool.query<{ row: string }>(
      `select (to_jsonb(x) - 'tenant_id')::text as row from analytics.${table} x where tenant_id = $1 order by 1`,
      [tenant.id],
    )
    rows.push(...found.rows.map(({ row }) => `${table} ${row}`))
  }
  return rows
}

/** start + new + reactivation + expansion − contraction − churn + fx − end, per currency and day, of the ledger as stored. */
async function residuals(tenant: Tenant): Promise<{ day: string; currency: string; residual: number }[]> {
  const { rows } = await platform.db.pool.query<{ day: string; currency: string; residual: number }>(
    `with daily as (
       select currency, day, sum(delta) as moved,
         (array_agg(mrr_after - mrr_before order by at))[1] is null as broken
       from analytics.mrr_movements where tenant_id = $1 group by 1, 2
     ),
     balances as (
       select m.currency, m.day, sum(m.mrr_after) as closing
       from (
         select distinct on (d.day, x.customer, x.currency) d.day, x.customer, x.currency, x.mrr_after
         from (select distinct day from analytics.mrr_movements where tenant_id = $1) d
         join analytics.mrr_movements x on x.tenant_id = $1 and x.day <= d.day
         order by d.day, x.customer, x.currency, x.at desc
       ) m
       group by 1, 2
     )
     select b.day, b.currency,
       (coalesce(lag(b.closing) over (partition by b.currency order by b.day), 0) + coalesce(d.moved, 0) - b.closing)::float8
         as residual
     from balances b left join daily d on d.currency = b.currency and d.day = b.day`,
    [tenant.id],
  )
  return rows.filter(({ residual }) => residual !== 0)
}

test('whatever the providers say, in whatever order and however often: the ledger is the same and closes every day', async () => {
  let moved = 0
  await fc.assert(
    fc.asyncProperty(scenarios, async ({ scenario, shuffled, again, sizes, folds }) => {
      const { pool } = platform.db
      serial += 1
      const settings = Object.fromEntries(
        Object.entries(scenario.policy).map(([name, value]) => [`revenue.${name}`, value]),
      )
      const create = (slug: string) => platform.createTenant({ slug, timezone: scenario.timezone, settings })
      const [inOrder, disturbed] = [await create(`a-${serial}`), await create(`b-${serial}`)]
      await deliver(inOrder, scenario.bodies)
      await platform.settle()

      const stream = [...again.slice(0, again.length / 2), ...shuffled, ...again.slice(again.length / 2)]
      for (let i = 0; stream.length > 0; i += 1) {
        await deliver(disturbed, stream.splice(0, sizes[i % sizes.length] ?? 1))
        const limit = folds[i % folds.length] ?? 0
        if (limit > 0) await foldRevenue(pool, { limit })
      }
      await platform.settle()

      const expected = await ledger(inOrder)
      expect(await ledger(disturbed)).toEqual(expected)
      moved += expected.filter((row) => row.startsWith('mrr_movements')).length
      for (const tenant of [inOrder, disturbed]) {
        expect(await residuals(tenant)).toEqual([])
        const bridge = await withTenant(pool, tenant.id, (client) =>
          client.query(
            `select t from mrr_bridge('day', '2024-12-01', '2025-06-01', '2026-01-01', 'currency', '{}')
             where start_mrr + new_mrr + reactivation_mrr + expansion_mrr - contraction_mrr - churn_mrr + fx <> end_mrr`,
          ),
        )
        expect(bridge.rows).toEqual([])
      }
      expect(await checkRevenue(pool)).toEqual([])
    }),
    { numRuns: platform.db.kind === 'embedded' ? 4 : 10, seed: 4, endOnFailure: true },
  )
  expect(moved).toBeGreaterThan(3)
}, 240_000)
