import { afterAll, beforeAll, expect, test } from 'vitest'
import { withTenant } from '../../db/tenant.ts'
import { createTwin } from '../../sources/simulator/twin.ts'
import { openPlatform, type Platform } from '../support/platform.ts'

const timezone = 'Asia/Kathmandu'
const twin = createTwin({ seed: 11, members: 6, coaches: 2, days: 30, endDate: '2026-10-31', timezone })

let platform: Platform
beforeAll(async () => {
  platform = await openPlatform()
})
afterAll(() => platform.close())

test('fact_productivity and dim_user hold what the twin did, per member and local day', async () => {
  const tenant = await platform.createTenant({ slug: 'twin', timezone })
  const other = await platform.createTenant({ slug: 'other', timezone })
  await platform.send(tenant, twin.events)
  await platform.settle()
  const read = <T extends object>(id: string, sql: string) =>
    withTenant(platform.db.pool, id, async (client) => (await client.query<T>(sql)).rows)

  const facts = await read<{ date_key: string; goals_completed: number; habits_checked: number }>(
    tenant.id,
    'select * from fact_productivity',
  )
  const sum = (key: 'goals_completed' | 'habits_checked') => facts.reduce((total, row) => total + row[key], 0)
  expect(sum('goals_completed')).toBe(twin.truth.days.reduce((total, day) => total + day.goals_completed, 0))
  expect(sum('habits_checked')).toBe(twin.truth.habit_days.filter((day) => day.done === 1).length)
  expect(new Set(facts.map((row) => row.date_key)).size).toBe(twin.truth.days.filter((day) => day.dau > 0).length)
  const [mood] = await read<{ days: number; total: number }>(
    tenant.id,
    'select count(mood_avg)::integer as days, count(*)::integer as total from fact_productivity',
  )
  expect(mood?.days).toBeGreaterThan(0)

  const users = await read<{ user_id: string; signup_date: string; plan: string }>(
    tenant.id,
    'select * from dim_user order by 1',
  )
  expect(users.map((row) => row.user_id)).toEqual(twin.members.map((member) => member.user_id).sort())
  for (const { user_id, plan } of users)
    expect(plan, user_id).toBe(twin.members.find((member) => member.user_id === user_id)?.plan)

  expect(await read(other.id, 'select * from fact_productivity')).toEqual([])
  expect(await read(other.id, 'select * from dim_user')).toEqual([])
})
