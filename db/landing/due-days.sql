-- The UTC days of a tenant whose events are to be landed: never landed, of another count than landed (late events), changed
-- in place, or landed and not verified. Counts come from the hourly aggregate, so that no raw row is read. Days of which
-- raw events were dropped are left alone. Params: :tenant uuid. Returns day.
with bounds as (
  select greatest(min(range_start), (select dropped_before::timestamp at time zone 'UTC' from analytics.retention_state)) as from_at,
    date_trunc('day', now() at time zone 'UTC') at time zone 'UTC' as to_at
  from timescaledb_information.chunks
  where hypertable_schema = 'analytics' and hypertable_name = 'events'
),
stored as (
  select (h.bucket at time zone 'UTC')::date as day, sum(h.events) as rows
  from analytics.events_hourly h, bounds b
  where h.tenant_id = :tenant::uuid and h.bucket >= b.from_at and h.bucket < b.to_at
  group by 1
),
landed as (
  select f.part::date as day, f.rows, f.verified_at
  from analytics.landed_files f, bounds b
  where f.tenant_id = :tenant::uuid and f.dataset = 'events' and f.part >= to_char(b.from_at at time zone 'UTC', 'YYYY-MM-DD')
)
select coalesce(s.day, l.day) as day
from stored s
full join landed l on l.day = s.day
where l.day is null or l.rows is distinct from coalesce(s.rows, 0) or l.verified_at is null
union
select m.day from analytics.landing_marks m, bounds b
where m.tenant_id = :tenant::uuid and m.day >= (b.from_at at time zone 'UTC')::date and m.day < (b.to_at at time zone 'UTC')::date
order by 1
