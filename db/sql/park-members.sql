-- Sets the oldest mark aside. Params: :error text. Returns how many members it was: 1, or 0 when there is no mark.
with taken as (
  delete from analytics.dirty_members d
  using (select id from analytics.dirty_members order by id limit 1 for update skip locked) t
  where d.id = t.id
  returning d.tenant_id, d.user_id, d.types, d.since, d.marked_at
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
