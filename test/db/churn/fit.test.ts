import { DateTime } from 'luxon'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fitTenant, isFitDue } from '../../../db/churn/fit.ts'
import { readModels } from '../../../db/churn/models.ts'
import { scoreTenant } from '../../../db/churn/score.ts'
import { createTenant, type Tenant, withTenant } from '../../../db/tenant.ts'
import { openTestDatabase, type TestDatabase } from '../../support/database.ts'

const last_day = DateTime.utc().minus({ days: 1 }).toISODate() ?? ''

let database: TestDatabase
beforeAll(async () => {
  database = await openTestDatabase()
}, 120_000)
afterAll(() => database.close())

/** Members whose rhythms differ, from every day to every twelfth; a third of them leave for good at some time. */
async function makeTenant(slug: string, members: number): Promise<Tenant> {
  const tenant = await createTenant(database.pool, { slug, timezone: 'UTC', currency: 'EUR' })
  await database.pool.query(
    `with people as (
       select m, 1 + m % 12 as gap, case when m % 3 = 0 then 60 + (m * 37) % 190 else 400 end as leaves
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
    [tenant.id, members, last_day],
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
