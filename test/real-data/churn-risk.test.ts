import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { activityOf, factsAt, readActivity } from '../../bench/churn/activity.ts'
import { isMet } from '../../bench/churn/index.ts'
import { walkForward } from '../../bench/churn/walk.ts'
import { readFacts } from '../../db/churn/features.ts'
import { openPlatform, type Platform } from '../support/platform.ts'
import { absent, isPresent, realPath } from './support.ts'

const sets = [
  { name: 'eleven years of commits', path: ['git_activity', 'debezium.csv'], days: ['2019-03-01', '2026-07-20'] },
  { name: 'half a year of clicks', path: ['ecom_clickstream', 'ecom.csv.gz'], days: ['2024-03-04', '2024-05-27'] },
] as const
const present = sets.every(({ path }) => isPresent(path[0]))

describe.skipIf(!present)(`churn risk by the protocol of the real inputs${present ? '' : `, ${absent}`}`, () => {
  let platform: Platform
  beforeAll(async () => {
    platform = await openPlatform()
  }, 60_000)
  afterAll(() => platform.close())

  test.each(sets)(
    '$name: better than recency at most cutoffs, calibration error at most 0.05',
    ({ path }) => {
      const walk = walkForward(readActivity(realPath(...path)), 'seen')
      expect(isMet(walk), JSON.stringify({ ...walk, cutoffs: walk.cutoffs.length })).toBe(true)
      expect(walk.auc).toBeGreaterThan(walk.recencyAuc)
      // As scores are made, and the same on every run.
      const active = walkForward(readActivity(realPath(...path)), 'active')
      expect(active.auc).toBeGreaterThan(active.recencyAuc + 0.05)
      expect(walkForward(readActivity(realPath(...path)), 'active')).toEqual(active)
    },
    120_000,
  )

  test.each(sets)('$name: what happens after a day changes no fact of it', ({ path }) => {
    const activity = readActivity(realPath(...path))
    const cut = Date.parse(path[0] === 'git_activity' ? '2026-01-01' : '2024-05-01') / 86_400_000
    const shortened = activityOf(
      [...activity].flatMap(([who, days]) => days.filter((d) => d <= cut).map((d) => [who, d] as const)),
    )
    const facts = (log: typeof activity, who: string) => factsAt(log.get(who) ?? [], cut)
    for (const who of activity.keys()) expect(facts(shortened, who)).toEqual(facts(activity, who))
  })

  test.each(sets)(
    '$name: the database counts the same facts and outcomes as plain loops over the log',
    async ({ path, days }) => {
      const activity = readActivity(realPath(...path))
      const tenant = await platform.createTenant({ slug: path[0].replace('_', '-'), timezone: 'UTC' })
      // The member-days, written at once: folding events into them is tested elsewhere on the same logs.
      await platform.db.pool.query(
        `with actions as (
         select who, date '1970-01-01' + day as day
         from jsonb_to_recordset($2::jsonb) as x (who text, days jsonb), jsonb_array_elements_text(days) d (text)
         cross join lateral (select text::integer as day) n
       ),
       members as (
         insert into analytics.members (tenant_id, user_id, first_action_at, first_event_at)
         select $1, who, min(day)::timestamp at time zone 'UTC', min(day)::timestamp at time zone 'UTC' from actions group by who
       )
       insert into analytics.member_days (tenant_id, user_id, day, actions, active_seconds, sessions, first_in_week,
         first_in_month, first_in_signup_week, is_last, signup_plan, signup_coach_id, plan, coach_id)
       select $1, who, day, 1, 0, 1, false, false, false, false, '', '', '', '' from actions`,
        [tenant.id, JSON.stringify([...activity].map(([who, own]) => ({ who, days: own })))],
      )
      const rows = await readFacts(platform.db.pool, {
        tenantId: tenant.id,
        days,
        knownDay: '2026-12-31',
        populationDays: 100_000,
        lookbackDays: 100_000,
      })
      const expected = days.flatMap((day) =>
        [...activity].flatMap(([user_id, own]) => {
          const at = Date.parse(day) / 86_400_000
          const facts = factsAt(own, at)
          return facts ? [{ day, user_id, ...facts, churned: !own.some((d) => d > at && d <= at + 30) }] : []
        }),
      )
      const key = (row: { day: string; user_id: string }) => `${row.day} ${row.user_id}`
      expect(
        rows.map(({ last_day: _l, plan: _p, coach_id: _c, cohort_week: _w, cohort_month: _m, ...row }) => row),
      ).toEqual(expected.sort((a, b) => (key(a) < key(b) ? -1 : 1)))
    },
    120_000,
  )
})
