-- Sets the member of the oldest mark aside, with all of its marks. Params: :error text. Returns how many members it was: 1, or
-- 0 when there is no mark.
with oldest as materialized (
  select tenant_id, user_id from analytics.dirty_members order by id limit 1
),
removed as (
  delete from analytics.dirty_members d
  where (d.tenant_id, d.user_id) in (select tenant_id, user_id from oldest)
  returning d.tenant_id, d.user_id, d.types, d.since, d.marked_at
),
taken as (
  select tenant_id, user_id, array_agg(distinct type) as types, min(since) as since, min(marked_at) as marked_at
  from removed, unnest(types) as type
  group by tenant_id, user_id
),
parked as (
  insert into analytics.parked_members as p (tenant_id, user_id, types, since, marked_at, error)
  select tenant_id, user_id, types, since, marked_at, :error from taken
  on conflict (tenant_id, user_id) do update set
    types = (select array_agg(distinct type) from unnest(p.types || excluded.types) type),
    since = least(p.since, excluded.since),
    marked_at = least(p.marked_at, excluded.marked_at),
    failures = p.failures + 1,
    error = excluded.error
  returning 1
)
select count(*)::integer as members from parked
