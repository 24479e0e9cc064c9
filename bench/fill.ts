import type pg from 'pg'
import { aggregates } from '../db/aggregates.ts'
import type { Tenant } from '../db/tenant.ts'

export interface Filling {
  /** Raw events, at least one per member and day is best. */
  readonly rows: number
  readonly days: number
  readonly members: number
  /** The day after the last one, YYYY-MM-DD. */
  readonly to: string
}

// Written by the database itself: sending fifty million events would measure the sender. Three plans, eight coaches and
// twelve weeks of signing up; most events are screens, one in eight is something that a metric counts.
const fillDay = `
  insert into analytics.events (tenant_id, event_id, occurred_at, local_hour, type, user_id, session_id, subject_id, source,
    is_action, plan, coach_id, cohort_week, cohort_month, properties, content_hash)
  select $1, 'fill-' || $2::date || '-' || i, at, date_trunc('hour', at at time zone 'UTC'), type, 'member-' || m, 's-' || m,
    case type when 'goal_completed' then 'goal-' || i end, 'bench', true,
    (array['free', 'pro', 'team'])[m % 3 + 1], 'coach-' || m % 8, date '2024-01-01' + 7 * (m % 12), date '2024-01-01',
    case type when 'ai_session_rated' then jsonb_build_object('ai_session_id', 'ai-' || i, 'rating', i % 5 + 1)
      when 'mood_logged' then jsonb_build_object('score', i % 5 + 1)
      else jsonb_build_object('screen', 'screen-' || i % 40, 'version', '4.2.0') end, i
  from (
    select i, i % $4 as m, $2::date at time zone 'UTC' + (i * (86399.0 / $3)) * interval '1 second' as at,
      case when i % 24 = 7 then 'goal_completed' when i % 24 = 15 then 'ai_session_rated' when i % 24 = 23 then 'mood_logged'
        else 'screen_viewed' end as type
    from generate_series(0, $3 - 1) i
  ) generated
  order by at`

/** What the fold makes of such events, set-based: hours, days, window membership and completed goals. */
const ledgers = [
  `insert into analytics.member_hours (tenant_id, user_id, hour, local_hour, actions, active_seconds, sessions, plan, coach_id, cohort_week, cohort_month)
   select tenant_id, user_id, date_trunc('hour', occurred_at), local_hour, count(*), 60 * count(*), 1, plan, coach_id, cohort_week, cohort_month
   from analytics.events where tenant_id = $1 and is_action group by 1, 2, 3, 4, 8, 9, 10, 11`,
  `insert into analytics.member_days (tenant_id, user_id, day, actions, active_seconds, sessions, first_in_week, first_in_month,
     first_in_signup_week, is_last, signup_plan, signup_coach_id, plan, coach_id, cohort_week, cohort_month)
   select tenant_id, user_id, day, actions, seconds, 1,
     row_number() over (partition by user_id, date_trunc('week', day) order by day) = 1,
     row_number() over (partition by user_id, date_trunc('month', day) order by day) = 1,
     false, row_number() over (partition by user_id order by day desc) = 1, plan, coach_id, plan, coach_id, cohort_week, cohort_month
   from (
     select tenant_id, user_id, local_hour::date as day, sum(actions) as actions, sum(active_seconds) as seconds, plan, coach_id, cohort_week, cohort_month
     from analytics.member_hours where tenant_id = $1 group by 1, 2, 3, 6, 7, 8, 9
   ) days`,
  `insert into analytics.presence (tenant_id, user_id, day, plan, coach_id, cohort_week, cohort_month, wau_delta, mau_delta)
   select tenant_id, user_id, day, plan, coach_id, cohort_week, cohort_month, sum(wau), sum(mau)
   from (
     select d.*, x.*
     from (
       select tenant_id, user_id, day as active, plan, coach_id, cohort_week, cohort_month,
         day - lag(day) over member as since, lead(day) over member - day as until
       from analytics.member_days where tenant_id = $1
       window member as (partition by user_id order by day)
     ) d
     cross join lateral (values
       (active, case when since is null or since > 7 then 1 else 0 end, case when since is null or since > 30 then 1 else 0 end),
       (active + 7, case when until is null or until > 7 then -1 else 0 end, 0),
       (active + 30, 0, case when until is null or until > 30 then -1 else 0 end)
     ) x (day, wau, mau)
     where x.wau <> 0 or x.mau <> 0
   ) deltas
   group by 1, 2, 3, 4, 5, 6, 7`,
  `insert into analytics.goal_changes (tenant_id, user_id, goal_id, occurred_at, event_id, local_hour, state, created, reopened,
     completed, abandoned, open_delta, plan, coach_id, cohort_week, cohort_month)
   select tenant_id, user_id, subject_id, occurred_at, event_id, local_hour, 'completed', 0, 0, 1, 0, 0, plan, coach_id, cohort_week, cohort_month
   from analytics.events where tenant_id = $1 and type = 'goal_completed'`,
]

/** Gives a tenant `rows` raw events of the past, with its ledgers filled and every continuous aggregate refreshed. */
export async function fillTenant(
  pool: pg.Pool,
  tenant: Tenant,
  { rows, days, members, to }: Filling,
  log: (line: string) => void = () => undefined,
): Promise<void> {
  await fillEvents(pool, tenant.id, { rows, days, members, to }, log)
  for (const statement of ledgers) await pool.query(statement, [tenant.id])
  log('ledgers filled')
  await pool.query('vacuum (analyze) analytics.events')
  for (const { name, localDays } of aggregates) {
    const [from, until] = [dayBefore(to, days), to].map((day) => `'${day}'::${localDays ? 'date' : 'timestamptz'}`)
    await pool.query(`call refresh_continuous_aggregate('analytics.${name}', ${from}, ${until}, force => true)`)
  }
  log('aggregates refreshed')
  await pool.query('analyze')
}

/** Raw events alone. */
export async function fillEvents(
  pool: pg.Pool,
  tenantId: string,
  { rows, days, members, to }: Filling,
  log: (line: string) => void = () => undefined,
): Promise<void> {
  for (let day = days; day >= 1; day -= 1) {
    await pool.query(fillDay, [tenantId, dayBefore(to, day), Math.floor(rows / days), members])
    if (day % 30 === 1) log(`${Math.floor((rows * (days - day + 1)) / days)} of ${rows} events generated`)
  }
}

export const dayBefore = (day: string, days: number): string =>
  new Date(Date.parse(day) - days * 86_400_000).toISOString().slice(0, 10)
