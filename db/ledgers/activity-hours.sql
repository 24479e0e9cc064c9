-- Recomputes member-hours from hour_from on, or adds the events from `since` on to them (activity-scope.sql says which). A gap of
-- up to 5 minutes inside a session counts in the hour it starts in. Dimensions are those of the hour's first action; last_at
-- is its last counted one. Params: :scope jsonb [{tenant_id,user_id,since,hour_from,hours_add,hours_read_from,session_gap}],
-- :floor timestamptz (earliest hour_from), :read_floor timestamptz (earliest hours_read_from). Returns the touched range.
with scope as materialized (
  select t.*, n.timezone, case when t.hours_add then t.since else t.hour_from end as counted_from
  from jsonb_to_recordset(:scope::jsonb) as t (
    tenant_id uuid, user_id text, since timestamptz, hour_from timestamptz, hours_add boolean, hours_read_from timestamptz,
    session_gap interval
  )
  -- lateral with a limit: of a join with few tenants the planner would expect one row, and loop over all pairs
  cross join lateral (select timezone from analytics.tenants where id = t.tenant_id limit 1) n
),
actions as (
  select e.tenant_id, e.user_id, e.occurred_at, e.event_id, e.local_hour, e.plan, e.coach_id, e.cohort_week, e.cohort_month,
    t.timezone, t.session_gap, t.counted_from,
    lead(e.occurred_at) over (
      partition by e.tenant_id, e.user_id, coalesce(e.session_id, '') order by e.occurred_at
    ) as next_at
  from scope t
  cross join lateral (
    select *
    from analytics.events
    where tenant_id = t.tenant_id and user_id = t.user_id and occurred_at >= t.hours_read_from
      and occurred_at >= :read_floor::timestamptz and is_action
    offset 0
  ) e
),
starts as (
  select s.tenant_id, s.user_id,
    s.started_at - ((s.started_at at time zone t.timezone) - date_trunc('hour', s.started_at at time zone t.timezone)) as hour,
    count(*)::integer as sessions
  from scope t
  cross join lateral (
    select tenant_id, user_id, started_at
    from analytics.sessions
    where tenant_id = t.tenant_id and user_id = t.user_id and started_at >= t.hour_from and started_at >= :floor::timestamptz
    offset 0
  ) s
  group by 1, 2, 3
),
-- What is not in the ledger's counts: actions from counted_from on, and gaps that one of them ends.
counted as (
  select tenant_id, user_id,
    occurred_at - ((occurred_at at time zone timezone) - date_trunc('hour', occurred_at at time zone timezone)) as hour,
    min(local_hour) filter (where occurred_at >= counted_from) as local_hour,
    count(*) filter (where occurred_at >= counted_from) as actions,
    sum(extract(epoch from next_at - occurred_at)) filter (
      where next_at >= counted_from and next_at - occurred_at <= session_gap and next_at - occurred_at <= interval '5 minutes'
    ) as active_seconds,
    max(occurred_at) filter (where occurred_at >= counted_from) as last_at,
    (array_agg(plan order by occurred_at, event_id) filter (where occurred_at >= counted_from))[1] as plan,
    (array_agg(coach_id order by occurred_at, event_id) filter (where occurred_at >= counted_from))[1] as coach_id,
    (array_agg(cohort_week order by occurred_at, event_id) filter (where occurred_at >= counted_from))[1] as cohort_week,
    (array_agg(cohort_month order by occurred_at, event_id) filter (where occurred_at >= counted_from))[1] as cohort_month
  from actions
  group by 1, 2, 3
),
before as materialized (
  select m.*, t.hours_add
  from scope t
  cross join lateral (
    select *
    from analytics.member_hours
    where tenant_id = t.tenant_id and user_id = t.user_id and hour >= t.hour_from and hour >= :floor::timestamptz
    offset 0
  ) m
),
standing as (
  select tenant_id, user_id, hour, local_hour, actions, active_seconds::numeric as active_seconds, last_at, plan, coach_id,
    cohort_week, cohort_month
  from before
  where hours_add
),
hours as (
  select tenant_id, user_id, hour,
    least(s.local_hour, c.local_hour) as local_hour,
    (coalesce(s.actions, 0) + coalesce(c.actions, 0))::integer as actions,
    -- numeric: exact, in whatever portions it is added up
    (coalesce(s.active_seconds, 0) + coalesce(c.active_seconds, 0))::double precision as active_seconds,
    greatest(s.last_at, c.last_at) as last_at,
    coalesce(s.plan, c.plan) as plan,
    coalesce(s.coach_id, c.coach_id) as coach_id,
    case when s.actions is null then c.cohort_week else s.cohort_week end as cohort_week,
    case when s.actions is null then c.cohort_month else s.cohort_month end as cohort_month
  from counted c
  full join standing s using (tenant_id, user_id, hour)
),
rebuilt as materialized (
  select h.*, coalesce(s.sessions, 0) as sessions
  from hours h
  left join starts s on s.tenant_id = h.tenant_id and s.user_id = h.user_id and s.hour = h.hour
  -- an action that the next fold will count may lie before `since`
  where h.actions > 0
),
obsolete as materialized (
  -- NOT IN is hashed whatever the planner expects; NOT EXISTS became a loop over all pairs
  select b.tenant_id, b.user_id, b.hour, b.local_hour
  from before b
  where (b.tenant_id, b.user_id, b.hour, b.local_hour) not in (
    select r.tenant_id, r.user_id, r.hour, r.local_hour from rebuilt r
  )
),
removed as (
  delete from analytics.member_hours m
  using obsolete o
  where m.tenant_id = o.tenant_id and m.user_id = o.user_id and m.hour = o.hour and m.local_hour = o.local_hour
    and m.hour >= :floor::timestamptz
  returning m.hour
),
written as (
  insert into analytics.member_hours as m (
    tenant_id, user_id, hour, local_hour, actions, active_seconds, sessions, last_at, plan, coach_id, cohort_week, cohort_month
  )
  select tenant_id, user_id, hour, local_hour, actions, active_seconds, sessions, last_at, plan, coach_id, cohort_week,
    cohort_month
  from rebuilt
  on conflict (tenant_id, user_id, hour, local_hour) do update set
    actions = excluded.actions, active_seconds = excluded.active_seconds, sessions = excluded.sessions, last_at = excluded.last_at,
    plan = excluded.plan, coach_id = excluded.coach_id, cohort_week = excluded.cohort_week, cohort_month = excluded.cohort_month
    where (m.actions, m.active_seconds, m.sessions, m.last_at, m.plan, m.coach_id, m.cohort_week, m.cohort_month) is distinct from (
      excluded.actions, excluded.active_seconds, excluded.sessions, excluded.last_at, excluded.plan, excluded.coach_id,
      excluded.cohort_week, excluded.cohort_month
    )
  returning m.hour
)
select min(hour) as from_at, max(hour) as to_at
from (select hour from removed union all select hour from written) touched
