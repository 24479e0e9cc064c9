import fc from 'fast-check'
import { DateTime } from 'luxon'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { importRates } from '../../../db/fx.ts'
import { type Tenant, withTenant } from '../../../db/tenant.ts'
import { billingTenant, deliverStripe } from '../../support/billing.ts'
import { openPlatform, type Platform } from '../../support/platform.ts'

interface Cell {
  n: number
  revenue: number | null
  revenue_to_date: number | null
  per_member: number | null
  paying: number | null
  churned: number | null
}
interface Answer {
  cohorts: { cohort: string; size: number; cells: Cell[] }[]
  pooled: { n: number; size: number; revenue_to_date: number | null; per_member: number | null }[]
  unassigned: number | null
  policy_version: string
}
interface DeepDive {
  size: number
  churn: { active: number; lost: number; rate: number }
  metrics: { metric: { name: string } }[]
  revenue?: { curve: Cell[] }
}

interface Payment {
  readonly member: string
  readonly day: string
  readonly cents: number
  readonly currency?: string
}

const signedUp = (user_id: string, day: string, plan = 'pro') => ({
  event_id: `signup-${user_id}`,
  type: 'signed_up',
  occurred_at: `${day}T12:00:00Z`,
  user_id,
  properties: { plan },
})
const seconds = (day: string): number => Date.parse(`${day}T12:00:00Z`) / 1000

/** A one-time purchase of a member, as Stripe reports a completed checkout. */
const purchase = ({ member, day, cents, currency = 'usd' }: Payment, i: number) => ({
  id: `evt_checkout_${i}`,
  object: 'event',
  type: 'checkout.session.completed',
  api_version: '2025-10-29.clover',
  created: seconds(day),
  data: {
    object: {
      id: `cs_${i}`,
      object: 'checkout.session',
      mode: 'payment',
      status: 'complete',
      payment_status: 'paid',
      client_reference_id: member,
      customer: null,
      payment_intent: `pi_${i}`,
      amount_total: cents,
      currency,
      created: seconds(day),
    },
  },
})

let platform: Platform
beforeAll(async () => {
  platform = await openPlatform()
})
afterAll(() => platform.close())

async function tenantWith(slug: string, payments: readonly Payment[], more: { currency?: string } = {}) {
  const tenant = await billingTenant(platform, slug, more)
  await platform.send(tenant, [
    signedUp('ann', '2026-01-31'),
    signedUp('bob', '2026-01-02', 'free'),
    signedUp('cid', '2026-02-10'),
    signedUp('dan', '2026-08-01'),
  ])
  for (const [i, payment] of payments.entries())
    expect((await deliverStripe(platform, tenant, purchase(payment, i))).status).toBe(200)
  await platform.settle()
  return tenant
}

const read = async (tenant: Tenant, query: string): Promise<Answer> => {
  const answer = await platform.get<Answer>(tenant, `/api/analytics/revenue/cohorts?${query}`, 'finance')
  expect(answer.status, answer.text).toBe(200)
  return answer.body
}

describe('revenue by signup cohort', () => {
  const payments: Payment[] = [
    { member: 'ann', day: '2026-01-31', cents: 1000 },
    // a month after the 31st is the last day of February
    { member: 'ann', day: '2026-02-27', cents: 10 },
    { member: 'ann', day: '2026-02-28', cents: 200 },
    { member: 'ann', day: '2026-03-30', cents: 20 },
    { member: 'ann', day: '2026-03-31', cents: 3000 },
    // before signing up: month 0
    { member: 'cid', day: '2026-01-20', cents: 70 },
    { member: 'cid', day: '2026-05-10', cents: 400 },
    { member: 'nobody-we-know', day: '2026-03-01', cents: 999 },
  ]
  let tenant: Tenant
  beforeAll(async () => {
    tenant = await tenantWith('curves', payments)
  })

  test('each member’s months begin on the day of signing up, and the curve cumulates them', async () => {
    const { cohorts, pooled, unassigned, policy_version } = await read(tenant, 'from=2026-01-01&to=2026-03-01&units=4')
    expect(policy_version).toMatch(/^mrr1 /)
    expect(cohorts.map(({ cohort, size }) => [cohort, size])).toEqual([
      ['2026-01', 2],
      ['2026-02', 1],
    ])
    const of = (i: number) => cohorts[i]?.cells.map(({ revenue, revenue_to_date }) => [revenue, revenue_to_date])
    expect(of(0)).toEqual([
      [1010, 1010],
      [220, 1230],
      [3000, 4230],
      [0, 4230],
      [0, 4230],
    ])
    expect(of(1)).toEqual([
      [70, 70],
      [0, 70],
      [0, 70],
      [400, 470],
      [0, 470],
    ])
    expect(cohorts[0]?.cells.map(({ per_member }) => per_member)).toEqual([505, 615, 2115, 2115, 2115])
    expect(pooled[4]).toEqual({ n: 4, size: 3, revenue_to_date: 4700, per_member: 1567 })
    expect(unassigned).toBe(999)
  })

  test('weeks, filters, and months that are not over', async () => {
    const weeks = await read(tenant, 'from=2026-01-26&to=2026-02-02&cohort=week&units=1')
    expect(weeks.cohorts.map(({ cohort, size }) => [cohort, size])).toEqual([['2026-W05', 1]])
    const free = await read(tenant, 'from=2026-01-01&to=2026-03-01&units=1&filter[plan]=free')
    expect(free.cohorts).toMatchObject([{ cohort: '2026-01', size: 1, cells: [{ revenue: 0 }, { revenue: 0 }] }])
    const late = await read(tenant, 'from=2026-08-01&to=2026-09-01&units=60')
    const over = DateTime.utc().diff(DateTime.fromISO('2026-08-31', { zone: 'utc' }), 'months').months
    const cells = late.cohorts[0]?.cells ?? []
    expect(cells.filter(({ revenue }) => revenue !== null)).toHaveLength(Math.max(0, Math.floor(over)))
    expect(cells.at(-1)).toEqual({
      n: 60,
      revenue: null,
      revenue_to_date: null,
      per_member: null,
      paying: null,
      churned: null,
    })
  })

  test('the deep dive shows it to admins, adherence and churn to coaches too', async () => {
    const asAdmin = await platform.get<DeepDive>(tenant, '/api/analytics/cohorts/2026-01')
    expect(asAdmin.status, asAdmin.text).toBe(200)
    expect(asAdmin.body.revenue?.curve.slice(0, 3).map(({ per_member }) => per_member)).toEqual([505, 615, 2115])
    expect(asAdmin.body.churn).toEqual({ active: 0, lost: 2, rate: 1 })
    expect(asAdmin.body.metrics.map(({ metric }) => metric.name)).toContain('habit_adherence_score')
    const asCoach = await platform.get<DeepDive>(tenant, '/api/analytics/cohorts/2026-01?filter[coach]=', 'coach', {
      coachId: 'someone',
    })
    expect(asCoach.status).toBe(404)
    await platform.send(tenant, [
      {
        ...signedUp('eve', '2026-02-03'),
        properties: { plan: 'pro', coach_id: 'someone' },
      },
      {
        event_id: 'now',
        type: 'screen_viewed',
        occurred_at: new Date().toISOString(),
        user_id: 'eve',
        properties: { screen: 'home' },
      },
    ])
    await platform.settle()
    const own = await platform.get<DeepDive>(tenant, '/api/analytics/cohorts/2026-02', 'coach', { coachId: 'someone' })
    expect(own.body).toMatchObject({ size: 1, churn: { active: 1, lost: 0, rate: 0 } })
    expect(own.body.revenue).toBeUndefined()
  })

  test('is for finance and admins', async () => {
    for (const role of ['coach', 'service'] as const)
      expect((await platform.get(tenant, '/api/analytics/revenue/cohorts', role)).status).toBe(403)
  })
})

test('each payment counts at its own day’s rate; while one is unknown the cell and what follows are null', async () => {
  const tenant = await tenantWith(
    'rates',
    [
      { member: 'ann', day: '2026-01-31', cents: 1000, currency: 'eur' },
      { member: 'ann', day: '2026-03-01', cents: 200, currency: 'sek' },
    ],
    { currency: 'EUR' },
  )
  const revenues = async () => (await read(tenant, 'from=2026-01-01&to=2026-02-01&units=2')).cohorts[0]?.cells
  expect((await revenues())?.map(({ revenue_to_date }) => revenue_to_date)).toEqual([1000, null, null])
  await importRates(platform.db.pool, [{ currency: 'sek', day: '2026-02-01', rate: '10' }])
  await platform.settle()
  expect((await revenues())?.map(({ revenue_to_date }) => revenue_to_date)).toEqual([1000, 1020, 1020])
})

test('paying and churned members follow the MRR ledger', async () => {
  const tenant = await tenantWith('paying', [])
  const subscription = (member: string, created: string, ended?: string) => ({
    id: `evt_${member}_${ended === undefined ? 'created' : 'deleted'}`,
    object: 'event',
    type: `customer.subscription.${ended === undefined ? 'created' : 'deleted'}`,
    api_version: '2025-10-29.clover',
    created: seconds(ended ?? created),
    data: {
      object: {
        id: `sub_${member}`,
        object: 'subscription',
        customer: `cus_${member}`,
        metadata: { user_id: member },
        status: ended === undefined ? 'active' : 'canceled',
        created: seconds(created),
        start_date: seconds(created),
        ...(ended === undefined ? {} : { ended_at: seconds(ended), canceled_at: seconds(ended) }),
        items: {
          data: [
            {
              id: `si_${member}`,
              quantity: 1,
              price: {
                id: 'price_1',
                currency: 'usd',
                unit_amount: 900,
                recurring: { interval: 'month', interval_count: 1, usage_type: 'licensed' },
              },
            },
          ],
        },
      },
    },
  })
  for (const event of [
    subscription('ann', '2026-02-05'),
    subscription('bob', '2026-02-05'),
    subscription('bob', '2026-02-05', '2026-03-20'),
  ])
    expect((await deliverStripe(platform, tenant, event)).status).toBe(200)
  await platform.settle()
  const { cohorts } = await read(tenant, 'from=2026-01-01&to=2026-02-01&units=3')
  // ann signed up on the 31st, bob on the 2nd: both began in month 0 and 1, bob ended in his month 2
  expect(cohorts[0]?.cells.map(({ paying, churned }) => [paying, churned])).toEqual([
    [1, 0],
    [2, 0],
    [1, 1],
    [1, 0],
  ])
})

test('cohorts and the unassigned rest add up to all revenue, whatever was paid when', async () => {
  const members = ['ann', 'bob', 'cid', 'stranger']
  const tenant = await tenantWith('sum', [])
  let i = 1_000
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          member: fc.constantFrom(...members),
          cents: fc.integer({ min: 1, max: 1_000_000 }),
          day: fc
            .integer({ min: 0, max: 150 })
            .map((n) => DateTime.fromISO('2026-01-01').plus({ days: n }).toISODate()),
        }),
        { minLength: 1, maxLength: 8 },
      ),
      async (payments) => {
        for (const { member, cents, day } of payments) {
          i += 1
          await deliverStripe(platform, tenant, purchase({ member, cents, day: day ?? '' }, i))
        }
        await platform.settle()
        const { cohorts, unassigned } = await read(tenant, 'from=2026-01-01&to=2026-07-01&units=8')
        const inCohorts = cohorts.reduce(
          (sum, { cells }) => sum + cells.reduce((total, { revenue }) => total + (revenue ?? 0), 0),
          0,
        )
        const total = await withTenant(platform.db.pool, tenant.id, async (client) => {
          const { rows } = await client.query<{ total: number }>(
            'select (sum(amount) / 1000000)::double precision as total from revenue_entries',
          )
          return rows[0]?.total
        })
        expect(inCohorts + (unassigned ?? Number.NaN)).toBe(total)
      },
    ),
    { numRuns: 8, seed: 31 },
  )
})

test('fact_productivity has a member’s revenue in the tenant’s currency', async () => {
  const tenant = await tenantWith('facts', [
    { member: 'ann', day: '2026-02-01', cents: 500 },
    { member: 'ann', day: '2026-02-01', cents: 50 },
  ])
  const rows = await withTenant(platform.db.pool, tenant.id, async (client) => {
    const found = await client.query(
      'select user_id, date_key, revenue_cents from fact_productivity where revenue_cents > 0',
    )
    return found.rows
  })
  expect(rows).toMatchObject([{ user_id: 'ann', revenue_cents: expect.anything() }])
  expect(Number((rows[0] as { revenue_cents: unknown }).revenue_cents)).toBe(550)
})
