-- Nudge ledger, 2 of 2: the baseline. Local days that are over, of members nudged in the 30 days before, without a nudge
-- on the day or the day before. Params: :touched jsonb [{tenant_id,user_id,since}], :floor timestamptz (earliest since -
-- 24 h). Returns the touched range (days).
with touched as materialized (
  select t.tenant_id, t.user_id, n.timezone,
    ((t.since - interval '24 hours') at time zone n.timezone)::date as day_from,
    (now() at time zone n.timezone)::date as today
  from jsonb_to_recordset(:touched::jsonb) as t (tenant_id uuid, user_id text, since timestamptz)
  -- lateral with a limit: of a join with few tenants the planner would expect one row, and loop over all pairs
  cross join lateral (select timezone from analytics.tenants where id = t.tenant_id limit 1) n
),
nudged as materialized (
  select distinct n.tenant_id, n.user_id, n.local_hour::date as day
  from touched t
  join analytics.nudges n
    on n.tenant_id = t.tenant_id and n.user_id = t.user_id
    and n.sent_at >= (t.day_from - 32)::timestamp at time zone 'UTC'
  where n.sent_at >= :floor::timestamptz - interval '34 days'
),
free as (
  select distinct t.tenant_id, t.user_id, t.timezone, d::date as day
  from touched t
  join nudged n on n.tenant_id = t.tenant_id and n.user_id = t.user_id
  cross join lateral generate_series(
    greatest(n.day + 2, t.day_from)::timestamp, least(n.day + 30, t.today - 1)::timestamp, interval '1 day'
  ) d
  where not exists (
    select from nudged x
    where x.tenant_id = t.tenant_id and x.user_id = t.user_id and x.day in (d::date, d::date - 1)
  )
),
acted as (
  select distinct e.tenant_id, e.user_id, e.local_hour::date as day
  from touched t
  cross join lateral (
    select *
    from analytics.events
    where tenant_id = t.tenant_id and user_id = t.user_id and occurred_at >= (t.day_from - 1)::timestamp at time zone 'UTC'
      and occurred_at >= :floor::timestamptz - interval '2 days' and is_action
      and type in ('session_started', 'habit_checked', 'goal_created', 'goal_progressed', 'goal_completed', 'message_sent')
    offset 0
  ) e
  -- hashed, as above
  where ((t.tenant_id, t.user_id) in (select n.tenant_id, n.user_id from nudged n)) is true
),
rebuilt as materialized (
  select f.tenant_id, f.user_id, f.day, a.day is not null as acted, coalesce(h.plan, '') as plan,
    coalesce(h.coach_id, '') as coach_id, date_trunc('week', m.signup_day)::date as cohort_week,
    date_trunc('month', m.signup_day)::date as cohort_month
  from free f
  left join acted a on a.tenant_id = f.tenant_id and a.user_id = f.user_id and a.day = f.day
  left join analytics.members m on m.tenant_id = f.tenant_id and m.user_id = f.user_id
  left join lateral (
    select plan, coach_id
    from analytics.member_history h
    where h.tenant_id = f.tenant_id and h.user_id = f.user_id
      and h.valid_from < (f.day + 1)::timestamp at time zone f.timezone
    order by h.valid_from desc
    limit 1
  ) h on true
),
removed as (
  delete from analytics.nudge_free_days d
  using touched t
  where d.tenant_id = t.tenant_id and d.user_id = t.user_id and d.day >= t.day_from
    and d.day >= (:floor::timestamptz at time zone 'UTC')::date - 1
    -- NOT IN is hashed whatever the planner expects; NOT EXISTS became a loop over all pairs
    and (d.tenant_id, d.user_id, d.day) not in (select r.tenant_id, r.user_id, r.day from rebuilt r)
  returning d.day
),
written as (
  insert into analytics.nudge_free_days as d (tenant_id, user_id, day, acted, plan, coach_id, cohort_week, cohort_month)
  select tenant_id, user_id, day, acted, plan, coach_id, cohort_week, cohort_month from rebuilt
  on conflict (tenant_id, user_id, day) do update set
    acted = excluded.acted, plan = excluded.plan, coach_id = excluded.coach_id, cohort_week = excluded.cohort_week,
    cohort_month = excluded.cohort_month
    where (d.acted, d.plan, d.coach_id, d.cohort_week)
      is distinct from (excluded.acted, excluded.plan, excluded.coach_id, excluded.cohort_week)
  returning d.day
)
select min(day) as from_day, max(day) as to_day
from (select day from removed union all select day from written) touched
