-- Nightly close, per tenant and in its own zone: members with a running habit, or nudged in the last 31 days, are folded
-- again from the last day that was closed, because a missed check-in sends no event. Takes no parameters.
-- Returns how many members were marked.
with due as materialized (
  select n.id as tenant_id, coalesce(c.day, (now() at time zone n.timezone)::date - 1) as day, n.timezone,
    (now() at time zone n.timezone)::date as today
  from analytics.tenants n
  left join analytics.closed_days c on c.tenant_id = n.id
  where c.day is null or c.day < (now() at time zone n.timezone)::date
),
closed as (
  insert into analytics.closed_days (tenant_id, day)
  select tenant_id, today from due
  on conflict (tenant_id) do update set day = excluded.day
),
members as (
  select d.tenant_id, s.user_id, d.day, d.timezone
  from due d
  join lateral (
    select distinct on (user_id, habit_id) user_id, kind
    from analytics.habit_schedules s
    where s.tenant_id = d.tenant_id
    order by user_id, habit_id, valid_from desc
  ) s on s.kind <> 'ended'
  union
  select d.tenant_id, n.user_id, d.day, d.timezone
  from due d
  join analytics.nudges n on n.tenant_id = d.tenant_id and n.sent_at >= now() - interval '40 days'
),
marked as (
  insert into analytics.dirty_members (tenant_id, user_id, types, since)
  select tenant_id, user_id, '{day_closed}', day::timestamp at time zone timezone from members
  returning 1
)
select count(*)::integer as members from marked
