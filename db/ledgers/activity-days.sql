-- Recomputes member-days from day_from on, and the flags of the active day before it. Params: :scope jsonb
-- [{tenant_id,user_id,day_from}], :floor_day date (earliest day_from). Returns the touched range (days).
with scope as materialized (
  select t.tenant_id, t.user_id, t.day_from, m.signup_day, m.signup_plan, m.signup_coach_id, coalesce(recent.day, older.day) as previous_day
  from jsonb_to_recordset(:scope::jsonb) as t (tenant_id uuid, user_id text, day_from date)
  -- lateral with a limit: the planner would expect one row of a join and run what follows once per member
  join lateral (
    select signup_day, signup_plan, signup_coach_id
    from analytics.members m
    where m.tenant_id = t.tenant_id and m.user_id = t.user_id
    limit 1
  ) m on true
  left join lateral (
    select d.day
    from analytics.member_days d
    where d.tenant_id = t.tenant_id and d.user_id = t.user_id and d.day < t.day_from and d.day >= :floor_day::date - 31
    order by d.day desc
    limit 1
  ) recent on true
  -- opens every chunk there is: for those only who were away
  left join lateral (
    select d.day
    from analytics.member_days d
    where d.tenant_id = t.tenant_id and d.user_id = t.user_id and d.day < :floor_day::date - 31 and recent.day is null
    order by d.day desc
    limit 1
  ) older on true
),
fresh as (
  select t.tenant_id, t.user_id, h.local_hour::date as day, sum(h.actions)::integer as actions,
    sum(h.active_seconds order by h.hour) as active_seconds, sum(h.sessions)::integer as sessions,
    (array_agg(h.plan order by h.hour desc))[1] as plan,
    (array_agg(h.coach_id order by h.hour desc))[1] as coach_id,
    (array_agg(h.cohort_week order by h.hour desc))[1] as cohort_week,
    (array_agg(h.cohort_month order by h.hour desc))[1] as cohort_month
  from scope t
  cross join lateral (
    select *
    from analytics.member_hours
    where tenant_id = t.tenant_id and user_id = t.user_id and local_hour >= t.day_from
      -- a local hour is at most 14 hours ahead of or 12 behind the instant
      and hour >= (t.day_from - 1)::timestamp at time zone 'UTC'
      and hour >= (:floor_day::date - 1)::timestamp at time zone 'UTC'
    offset 0
  ) h
  group by 1, 2, 3
),
kept as (
  select d.tenant_id, d.user_id, d.day, d.actions, d.active_seconds, d.sessions, d.plan, d.coach_id, d.cohort_week, d.cohort_month
  from scope t
  join analytics.member_days d on d.tenant_id = t.tenant_id and d.user_id = t.user_id and d.day = t.previous_day
),
days as (
  select *, lag(day) over w as before, lead(day) over w as after
  from (select * from fresh union all select * from kept) d
  window w as (partition by tenant_id, user_id order by day)
),
rebuilt as materialized (
  select d.tenant_id, d.user_id, d.day, d.actions, d.active_seconds, d.sessions,
    coalesce(d.before < date_trunc('week', d.day)::date, true) as first_in_week,
    coalesce(d.before < date_trunc('month', d.day)::date, true) as first_in_month,
    coalesce(floor((d.before - t.signup_day) / 7.0) < floor((d.day - t.signup_day) / 7.0), true) as first_in_signup_week,
    d.after is null as is_last,
    t.signup_day, t.signup_plan, t.signup_coach_id, d.plan, d.coach_id, d.cohort_week, d.cohort_month,
    -- the kept day's own predecessor is not read here: only its is_last may change
    d.day = t.previous_day as is_kept
  from days d
  join scope t on t.tenant_id = d.tenant_id and t.user_id = d.user_id
),
obsolete as materialized (
  select m.tenant_id, m.user_id, m.day
  from scope t
  cross join lateral (
    select tenant_id, user_id, day
    from analytics.member_days
    where tenant_id = t.tenant_id and user_id = t.user_id and day >= t.day_from and day >= :floor_day::date
    offset 0
  ) m
  -- NOT IN is hashed whatever the planner expects; NOT EXISTS became a loop over all pairs
  where (m.tenant_id, m.user_id, m.day) not in (select r.tenant_id, r.user_id, r.day from rebuilt r)
),
removed as (
  delete from analytics.member_days m
  using obsolete o
  where m.tenant_id = o.tenant_id and m.user_id = o.user_id and m.day = o.day and m.day >= :floor_day::date
  returning m.day
),
marked as (
  update analytics.member_days m
  set is_last = r.is_last
  from rebuilt r
  where r.is_kept and m.tenant_id = r.tenant_id and m.user_id = r.user_id and m.day = r.day and m.is_last <> r.is_last
  returning m.day
),
written as (
  insert into analytics.member_days as m (
    tenant_id, user_id, day, actions, active_seconds, sessions, first_in_week, first_in_month, first_in_signup_week, is_last,
    signup_day, signup_plan, signup_coach_id, plan, coach_id, cohort_week, cohort_month
  )
  select tenant_id, user_id, day, actions, active_seconds, sessions, first_in_week, first_in_month, first_in_signup_week,
    is_last, signup_day, signup_plan, signup_coach_id, plan, coach_id, cohort_week, cohort_month
  from rebuilt
  where not coalesce(is_kept, false)
  on conflict (tenant_id, user_id, day) do update set
    actions = excluded.actions, active_seconds = excluded.active_seconds, sessions = excluded.sessions,
    first_in_week = excluded.first_in_week, first_in_month = excluded.first_in_month,
    first_in_signup_week = excluded.first_in_signup_week, is_last = excluded.is_last, signup_day = excluded.signup_day,
    signup_plan = excluded.signup_plan, signup_coach_id = excluded.signup_coach_id, plan = excluded.plan,
    coach_id = excluded.coach_id, cohort_week = excluded.cohort_week, cohort_month = excluded.cohort_month
    where (m.actions, m.active_seconds, m.sessions, m.first_in_week, m.first_in_month, m.first_in_signup_week, m.is_last,
      m.signup_day, m.signup_plan, m.signup_coach_id, m.plan, m.coach_id, m.cohort_week, m.cohort_month)
      is distinct from (excluded.actions, excluded.active_seconds, excluded.sessions, excluded.first_in_week,
      excluded.first_in_month, excluded.first_in_signup_week, excluded.is_last, excluded.signup_day, excluded.signup_plan,
      excluded.signup_coach_id, excluded.plan, excluded.coach_id, excluded.cohort_week, excluded.cohort_month)
  returning m.day
)
select min(day) as from_day, max(day) as to_day
from (select day from removed union all select day from marked union all select day from written) touched
