import { afterAll, beforeAll, expect, test } from 'vitest'
import { readFacts } from '../../../db/churn/features.ts'
import { daysBetween } from '../../../db/churn/score.ts'
import { createTenant } from '../../../db/tenant.ts'
import { openTestDatabase, type TestDatabase } from '../../support/database.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await openTestDatabase()
}, 120_000)
afterAll(() => database.close())

test('a billing issue is open from the failed charge until it is paid, for 30 days at most, as known on each day', async () => {
  const { pool } = database
  const { id } = await createTenant(pool, { slug: 'billing', timezone: 'America/New_York', currency: 'USD' })
  const days = daysBetween('2026-01-01', '2026-03-31')
  for (const who of ['paid-later', 'never-paid', 'fine']) {
    await pool.query(
      `insert into analytics.members (tenant_id, user_id, first_action_at, first_event_at) values ($1, $2, '2026-01-01', '2026-01-01')`,
      [id, who],
    )
    await pool.query(
      `insert into analytics.member_days (tenant_id, user_id, day, actions, active_seconds, sessions, first_in_week,
         first_in_month, first_in_signup_week, is_last, signup_plan, signup_coach_id, plan, coach_id)
       select $1, $2, day, 1, 0, 1, false, false, false, false, '', '', '', '' from unnest($3::date[]) day`,
      [id, who, days],
    )
    await pool.query(
      `insert into analytics.subscriptions (tenant_id, subscription, customer, provider, standing, mrr, started_at)
       values ($1, 'sub-' || $2::text, $2, 'stripe', 'active', '{}', '2026-01-01')`,
      [id, who],
    )
  }
  // Half past nine in the evening of 9 February in New York: the 10th in UTC.
  const failedAt = '2026-02-10T02:30:00Z'
  await pool.query(
    `insert into analytics.revenue_facts (tenant_id, provider, event_id, seq, kind, fact)
     select $1, 'stripe', 'evt-' || who, 0, 'billing_issue', jsonb_build_object('subscription', 'sub-' || who, 'at', $2::text)
     from unnest(array['paid-later', 'never-paid']) who`,
    [id, failedAt],
  )
  await pool.query(
    `insert into analytics.revenue_entries (tenant_id, provider, event_id, seq, at, day, type, customer, subscription, currency,
       amount, provider_event_ids)
     values ($1, 'stripe', 'evt-2', 0, '2026-02-14T15:00:00Z', '2026-02-14', 'recurring', 'paid-later', 'sub-paid-later', 'USD', 1900, '{evt-2}'),
       ($1, 'stripe', 'evt-0', 0, '2026-01-10T15:00:00Z', '2026-01-10', 'recurring', 'never-paid', 'sub-never-paid', 'USD', 1900, '{evt-0}')`,
    [id],
  )
  const rows = await readFacts(pool, { tenantId: id, days, knownDay: '2026-03-31' })
  const open = (who: string): string[] =>
    rows.filter(({ user_id, billing_issue }) => user_id === who && billing_issue).map(({ day }) => day)
  expect(open('fine')).toEqual([])
  expect(open('paid-later')).toEqual(daysBetween('2026-02-09', '2026-02-13'))
  expect(open('never-paid')).toEqual(daysBetween('2026-02-09', '2026-03-10'))
})
