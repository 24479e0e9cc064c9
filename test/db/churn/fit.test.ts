import { DateTime } from 'luxon'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fitTenant, isFitDue } from '../../../db/churn/fit.ts'
import { readModels } from '../../../db/churn/models.ts'
import { scoreTenant } from '../../../db/churn/score.ts'
import { createTenant, type Tenant, withTenant } from '../../../db/tenant.ts'
import type { TestDatabase } from '../../support/database.ts'
import { openPlatform, type Platform } from '../../support/platform.ts'

const last_day = DateTime.utc().minus({ days: 1 }).toISODate() ?? ''

let platform: Platform
let database: TestDatabase
beforeAll(async () => {
  platform = await openPlatform()
  database = platform.db
}, 120_000)
afterAll(() => platform.close())

/** Members whose rhythms differ, from every day to every twelfth; a third of them leave for good at some time, or nobody does. */
async function makeTenant(slug: string, members: number, leavers: 'a third' | 'nobody' = 'a third'): Promise<Tenant> {
  const tenant = await createTenant(database.pool, { slug, timezone: 'UTC', currency: 'EUR' })
  await database.pool.query(
    `with people as (
       select m, 1 + m % 12 as gap, case when m % 3 = 0 and $4 then 60 + (m * 37) % 190 else 400 end as leaves
       from generate_series(1, $2::integer) m
     ),
     days as (
       select m, ($3::date - 260 + d)::date as day
       from people cross join generate_series(0, 260) d
       where d % gap = (m * 7) % gap and d < leaves
     ),
     members as (
       insert into analytics.members (tenant_id, user_id, first_action_at, first_event_at)
       select $1, 'm' || m, min(day), min(day) from days group by m
     )
     insert into analytics.member_days (tenant_id, user_id, day, actions, active_seconds, sessions, first_in_week,
       first_in_month, first_in_signup_week, is_last, signup_plan, signup_coach_id, plan, coach_id)
     select $1, 'm' || m, day, 1, 0, 1, false, false, false, false, '', '', '', '' from days`,
    [tenant.id, members, last_day, leavers === 'a third'],
  )
  return tenant
}

const due = (tenant: Tenant) => ({ tenant_id: tenant.id, last_day, scored_day: null, fitted_day: null })

describe('fitting a tenant’s own model', () => {
  test('below 200 members the prior scores alone, and nothing is stored', async () => {
    const small = await makeTenant('small', 150)
    expect(await fitTenant(database.pool, due(small))).toBeUndefined()
    const { inUse, lastAttempt } = await withTenant(database.pool, small.id, readModels)
    expect([inUse.name, lastAttempt]).toEqual(['prior-2', undefined])
  })

  test('a model that beats recency is stored with its evaluation and scores from then on', async () => {
    const tenant = await makeTenant('large', 400)
    const training = await fitTenant(database.pool, due(tenant))
    expect(training, training?.reason).toMatchObject({ accepted: true })
    const { inUse, lastAttempt } = await withTenant(database.pool, tenant.id, readModels)
    expect(inUse.name).toBe(`tenant-${lastAttempt?.id}`)
    expect(inUse.model).toEqual(training?.model)
    expect(inUse.stored?.evaluation).toEqual(training?.evaluation)
    const { scores } = await scoreTenant(database.pool, due(tenant))
    expect(scores).toBeGreaterThan(1000)
    const { rows } = await database.pool.query<{ model: string }>(
      'select distinct model from analytics.churn_scores where tenant_id = $1',
      [tenant.id],
    )
    expect(rows).toEqual([{ model: inUse.name }])
  })

  test('where nobody leaves there is nothing to learn: the attempt says so, the prior scores on, and the API shows both', async () => {
    const tenant = await makeTenant('loyal', 210, 'nobody')
    expect(await fitTenant(database.pool, due(tenant))).toEqual({
      accepted: false,
      reason: expect.stringContaining('members each who stayed and who left'),
    })
    const { scores } = await scoreTenant(database.pool, due(tenant))
    expect(scores).toBeGreaterThan(1000)
    const { body } = await platform.get(tenant, '/api/analytics/churn-risk/model')
    expect(body).toMatchObject({
      in_use: { name: 'prior-2', evaluation: null },
      last_attempt: { accepted: false, reason: expect.stringContaining('not enough history'), evaluation: null },
    })
    const listed = await platform.get<{ members: { probability: number }[] }>(tenant, '/api/analytics/churn-risk')
    expect(listed.status).toBe(200)
    for (const { probability } of listed.body.members) expect(probability > 0 && probability < 1).toBe(true)
  })

  test('members who came on one day only, long ago or yesterday, are no trouble', async () => {
    const tenant = await createTenant(database.pool, { slug: 'once', timezone: 'UTC', currency: 'EUR' })
    await database.pool.query(
      `with people as (
         select repeat('é', 120) || m as user_id, $2::date - case when m % 2 = 0 then 0 else 61 + m % 3 end as day
         from generate_series(1, 240) m
       ),
       members as (
         insert into analytics.members (tenant_id, user_id, first_action_at, first_event_at)
         select $1, user_id, day, day from people
       )
       insert into analytics.member_days (tenant_id, user_id, day, actions, active_seconds, sessions, first_in_week,
         first_in_month, first_in_signup_week, is_last, signup_plan, signup_coach_id, plan, coach_id)
       select $1, user_id, day, 1, 0, 1, false, false, false, false, '', '', '', '' from people`,
      [tenant.id, last_day],
    )
    expect(await fitTenant(database.pool, due(tenant))).toMatchObject({ accepted: false })
    expect((await scoreTenant(database.pool, due(tenant))).scores).toBeGreaterThan(120)
    const listed = await platform.get<{ members: { user_id: string; probability: number }[] }>(
      tenant,
      '/api/analytics/churn-risk?limit=500',
    )
    expect(listed.body.members.length).toBe(120)
    for (const { probability } of listed.body.members) expect(probability > 0 && probability < 1).toBe(true)
    const first = listed.body.members[0]?.user_id ?? ''
    const history = await platform.get(tenant, `/api/analytics/churn-risk/members/${encodeURIComponent(first)}`)
    expect([history.status, history.body]).toMatchObject([200, { user_id: first, scores: [{ day: last_day }] }])
  })

  test('the next attempt is due a week after the last', () => {
    const at = (days: number) => ({
      tenant_id: '',
      last_day: '2026-03-15',
      scored_day: null,
      fitted_day: DateTime.fromISO('2026-03-15').minus({ days }).toISODate(),
    })
    expect([6, 7].map((days) => isFitDue(at(days)))).toEqual([false, true])
  })
})
