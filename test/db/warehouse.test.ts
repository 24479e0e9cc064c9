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

test('a member-day has its mean mood and the conversations in which the member wrote, also when days are compressed', async () => {
  const tenant = await platform.createTenant({ slug: 'moods', timezone: 'UTC' })
  const event = (n: number, user_id: string, type: string, occurred_at: string, properties: object) => ({
    event_id: `n-${n}`,
    type,
    occurred_at,
    user_id,
    properties,
  })
  const message = (n: number, user_id: string, at: string, conversation_id: string, sender: string) =>
    event(n, user_id, 'message_sent', at, { conversation_id, sender })
  await platform.send(tenant, [
    event(1, 'm-1', 'mood_logged', '2026-09-01T08:00:00Z', { score: 2 }),
    event(2, 'm-1', 'mood_logged', '2026-09-01T20:00:00Z', { score: 5 }),
    message(3, 'm-1', '2026-09-01T09:00:00Z', 'c-1', 'member'),
    message(4, 'm-1', '2026-09-01T09:01:00Z', 'c-1', 'member'),
    message(5, 'm-1', '2026-09-01T09:02:00Z', 'c-2', 'member'),
    message(6, 'm-1', '2026-09-01T09:03:00Z', 'c-3', 'coach'),
    // a coach who writes makes no day of the member's
    message(7, 'm-1', '2026-09-02T09:00:00Z', 'c-1', 'coach'),
    message(8, 'm-2', '2026-09-02T09:00:00Z', 'c-4', 'member'),
    event(9, 'm-2', 'screen_viewed', '2026-09-03T09:00:00Z', { screen: 'home' }),
  ])
  await platform.settle()
  const facts = () =>
    withTenant(platform.db.pool, tenant.id, async (client) => {
      const { rows } = await client.query(
        `select date_key, user_id, mood_avg::double precision as mood, chat_sessions as chats
         from fact_productivity order by date_key, user_id`,
      )
      return rows
    })
  const expected = [
    { date_key: '2026-09-01', user_id: 'm-1', mood: 3.5, chats: 2 },
    { date_key: '2026-09-02', user_id: 'm-2', mood: null, chats: 1 },
    { date_key: '2026-09-03', user_id: 'm-2', mood: null, chats: 0 },
  ]
  expect(await facts()).toEqual(expected)
  await platform.db.pool.query(
    `select compress_chunk(c, true) from show_chunks('analytics.events', older_than => '2026-09-04'::timestamptz) c`,
  )
  expect(await facts()).toEqual(expected)
})
