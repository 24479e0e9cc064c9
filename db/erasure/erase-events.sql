-- Deletes one member's raw events of a range with what else is kept about each: corrections of their times. Days that are
-- over are marked for the landing zone. Params: :tenant uuid, :member, :from_at, :to_at timestamptz (exclusive).
-- Returns events, corrections, from_at, to_at.
with gone as (
  delete from analytics.events
  where tenant_id = :tenant::uuid and user_id = :member
    and occurred_at >= :from_at::timestamptz and occurred_at < :to_at::timestamptz
  returning event_id, occurred_at, claimed_at
),
corrections as (
  delete from analytics.event_corrections c
  using gone g
  where c.tenant_id = :tenant::uuid and c.event_id = g.event_id and c.claimed_at = g.claimed_at
  returning 1
),
marks as (
  insert into analytics.landing_marks (tenant_id, day)
  select distinct :tenant::uuid, (occurred_at at time zone 'UTC')::date from gone
)
select count(*) as events, (select count(*) from corrections) as corrections, min(occurred_at) as from_at,
  max(occurred_at) as to_at
from gone
