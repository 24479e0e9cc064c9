import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readBacklog } from '../../db/jobs.ts'
import { foldDirty } from '../../db/ledgers.ts'
import { listParked, retryParked } from '../../db/parked.ts'
import { foldRevenue } from '../../db/revenue/fold.ts'
import { storeWebhooks } from '../../db/revenue/webhooks.ts'
import type { Tenant } from '../../db/tenant.ts'
import { stripeEventsOf } from '../../sources/revenue/periods.ts'
import { openPlatform, type Platform } from '../support/platform.ts'

let platform: Platform
let tenant: Tenant
beforeAll(async () => {
  platform = await openPlatform()
  tenant = await platform.createTenant({ slug: 'acme' })
})
afterAll(() => platform.close())

const goal = (user_id: string, id: string) => ({
  event_id: id,
  type: 'goal_created',
  occurred_at: new Date(Date.now() - 3_600_000).toISOString(),
  user_id,
  properties: { goal_id: id },
})
const settle = async () => {
  let rounds = 0
  while ((await foldDirty(platform.db.pool)).members > 0) {
    rounds += 1
    if (rounds > 200) throw new Error('the fold does not come to an end')
  }
}
const openGoals = async () => {
  const { rows } = await platform.db.pool.query<{ members: string[] }>(
    'select array_agg(user_id order by user_id) as members from analytics.goal_changes where tenant_id = $1',
    [tenant.id],
  )
  return rows[0]?.members ?? []
}
const fresh = async () => {
  const answer = await platform.get<{ fresh_until: string }>(tenant, '/api/analytics/metrics/dau')
  return Date.now() - Date.parse(answer.body.fresh_until)
}

describe('a member whose fold always fails', () => {
  test('is set aside alone, with the error and without values; everybody else is folded', async () => {
    const { pool } = platform.db
    const members = Array.from({ length: 10 }, (_, i) => `m${i}`)
    await platform.send(
      tenant,
      members.map((member) => goal(member, `g-${member}`)),
    )
    const schedule = { kind: 'times_per_week', times: 3 }
    await platform.send(tenant, [
      { ...goal('m4', 'habit'), type: 'habit_created', properties: { habit_id: 'h', schedule } },
    ])
    // what no validation lets in
    await pool.query(
      `update analytics.events set properties = jsonb_set(properties, '{schedule,times}', '"secret"') where event_id = 'habit'`,
    )
    await settle()
    expect(await openGoals()).toEqual(members.filter((member) => member !== 'm4'))
    expect(await listParked(pool)).toMatchObject([
      { kind: 'member', tenant_id: tenant.id, key: 'm4', error: expect.stringContaining('invalid input syntax') },
    ])
    expect(JSON.stringify(await listParked(pool))).not.toContain('secret')
    expect(await readBacklog(pool)).toMatchObject({ dirty_marks: 0, parked: 1 })
  })

  test('keeps the answers honest about what is not counted, and new events of the member wait with the old ones', async () => {
    const before = await fresh()
    await platform.send(tenant, [goal('m4', 'another'), goal('m99', 'g-m99')])
    await settle()
    expect(await openGoals()).toContain('m99')
    const [parked] = await listParked(platform.db.pool, tenant.id)
    expect(parked).toMatchObject({ key: 'm4', failures: 2 })
    await platform.settle()
    expect(await fresh()).toBeGreaterThanOrEqual(before)
  })

  test('is folded from its first unfolded event on once it is retried after a fix', async () => {
    const { pool } = platform.db
    await pool.query(
      `update analytics.events set properties = jsonb_set(properties, '{schedule,times}', '3') where event_id = 'habit'`,
    )
    expect(await retryParked(pool, tenant.id)).toBe(1)
    await settle()
    expect(await listParked(pool)).toEqual([])
    expect((await openGoals()).filter((member) => member === 'm4')).toHaveLength(2)
    await platform.settle()
    expect(await fresh()).toBeLessThan(60_000)
  })
})

test('a customer whose facts cannot be folded is set aside, and the others are folded', async () => {
  const { pool } = platform.db
  const billing = await platform.createTenant({ slug: 'billing' })
  const intake = { tenant: billing, piiKey: Buffer.alloc(32, 7) }
  const row = (customer: string) => ({ customer, start: '2026-01-05', end: null, amount: '10.00', currency: 'usd' })
  await storeWebhooks(pool, intake, 'stripe', stripeEventsOf(['a', 'b', 'c', 'd'].map(row)))
  await pool.query(
    `update analytics.revenue_facts set fact = fact - 'currency' - 'content' - 'lines' - 'items' where tenant_id = $1 and event_id = 'evt_period_1_created'`,
    [billing.id],
  )
  for (let i = 0; (await foldRevenue(pool)).events > 0; i += 1) expect(i).toBeLessThan(50)
  const paying = async () => {
    const { rows } = await pool.query<{ customer: string }>(
      'select customer from analytics.mrr_movements where tenant_id = $1 order by 1',
      [billing.id],
    )
    return rows.map(({ customer }) => customer)
  }
  expect(await paying()).toEqual(['a', 'c', 'd'])
  expect(await listParked(pool, billing.id)).toMatchObject([{ kind: 'revenue', failures: 1 }])
})
