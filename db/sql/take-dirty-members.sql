-- Takes the oldest dirty marks and merges them per member. Params: :limit integer (marks).
-- Returns tenant_id, user_id, types, since.
with taken as (
  delete from analytics.dirty_members d
  using (
    select id from analytics.dirty_members order by id limit :limit::integer for update skip locked
  ) t
  where d.id = t.id
  returning d.tenant_id, d.user_id, d.types, d.since
)
select tenant_id, user_id, min(since) as since, array_agg(distinct type) as types
from taken, unnest(types) as type
group by tenant_id, user_id
