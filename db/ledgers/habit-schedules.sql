-- Habit ledger, 1 of 3: what each habit expects over time; and how far back the habit-days must be recomputed.
-- Params: :touched jsonb [{tenant_id,user_id,since}], :floor timestamptz (earliest since).
-- Returns per member who has habits: tenant_id, user_id, day_from (local day), today (local day).
with touched as materialized (
  select t.tenant_id, t.user_id, t.since, (t.since at time zone n.timezone)::date as since_day,
    (now() at time zone n.timezone)::date as today
  from jsonb_to_recordset(:touched::jsonb) as t (tenant_id uuid, user_id text, since timestamptz)
  -- lateral with a limit: of a join with few tenants the planner would expect one row, and loop over all pairs
  cross join lateral (select timezone from analytics.tenants where id = t.tenant_id limit 1) n
),
habit_events as materialized (
  select e.tenant_id, e.user_id, e.subject_id as habit_id, e.type, e.occurred_at, e.event_id, e.local_hour::date as day,
    e.properties
  from touched t
  cross join lateral (
    select *
    from analytics.events
    where tenant_id = t.tenant_id and user_id = t.user_id and occurred_at >= t.since and occurred_at >= :floor::timestamptz
      and type in ('habit_created', 'habit_changed', 'habit_ended', 'habit_checked', 'habit_skipped')
    offset 0
  ) e
),
-- A day's schedule is the last one set on it.
rebuilt as materialized (
  select distinct on (tenant_id, user_id, habit_id, day) tenant_id, user_id, habit_id, day as valid_from,
    case when type = 'habit_ended' then 'ended' else properties -> 'schedule' ->> 'kind' end as kind,
    case when type <> 'habit_ended' and properties -> 'schedule' ->> 'kind' = 'weekdays' then
      (select array_agg(d::integer order by d::integer) from jsonb_array_elements_text(properties -> 'schedule' -> 'days') d)
      else '{}'::integer[] end as days,
    case when type <> 'habit_ended' and properties -> 'schedule' ->> 'kind' = 'times_per_week' then
      (properties -> 'schedule' ->> 'times')::integer else 0 end as times
  from habit_events
  where type in ('habit_created', 'habit_changed', 'habit_ended')
  order by tenant_id, user_id, habit_id, day, occurred_at desc, event_id desc
),
-- Events of the first day that lie before `since` may have set that day's schedule already: it stays unless replaced.
removed as (
  delete from analytics.habit_schedules s
  using touched t
  where s.tenant_id = t.tenant_id and s.user_id = t.user_id and s.valid_from > t.since_day
    -- NOT IN is hashed whatever the planner expects; NOT EXISTS became a loop over all pairs
    and (s.tenant_id, s.user_id, s.habit_id, s.valid_from) not in (
      select r.tenant_id, r.user_id, r.habit_id, r.valid_from from rebuilt r
    )
  returning s.tenant_id, s.user_id, s.valid_from
),
written as (
  insert into analytics.habit_schedules as s (tenant_id, user_id, habit_id, valid_from, kind, days, times)
  select tenant_id, user_id, habit_id, valid_from, kind, days, times from rebuilt
  on conflict (tenant_id, user_id, habit_id, valid_from) do update
    set kind = excluded.kind, days = excluded.days, times = excluded.times
    where (s.kind, s.days, s.times) is distinct from (excluded.kind, excluded.days, excluded.times)
  returning s.tenant_id, s.user_id, s.valid_from
),
-- A check may name an earlier day than the one it was sent on.
reach as (
  select tenant_id, user_id, least(day, (properties ->> 'for_date')::date) as day
  from habit_events
  where type in ('habit_checked', 'habit_skipped')
  union all select tenant_id, user_id, valid_from from removed
  union all select tenant_id, user_id, valid_from from written
)
select t.tenant_id, t.user_id, least(t.since_day, min(r.day)) as day_from, t.today
from touched t
left join reach r on r.tenant_id = t.tenant_id and r.user_id = t.user_id
where r.day is not null
  or exists (select from analytics.habit_schedules s where s.tenant_id = t.tenant_id and s.user_id = t.user_id)
group by t.tenant_id, t.user_id, t.since_day, t.today
