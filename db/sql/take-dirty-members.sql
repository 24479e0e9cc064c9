-- Takes the members of the oldest dirty marks, each with all of its marks: a fold costs by members, however many marks each
-- has. Params: :limit integer (marks to begin with). Returns tenant_id, user_id, types, since.
with oldest as materialized (
  select tenant_id, user_id from analytics.dirty_members order by id limit :limit::integer
),
taken as (
  delete from analytics.dirty_members d
  -- "is true" keeps it a hashed look-up: statistics taken while nothing was dirty would make it a loop over all pairs
  where ((d.tenant_id, d.user_id) in (select tenant_id, user_id from oldest)) is true
  returning d.tenant_id, d.user_id, d.types, d.since
)
select tenant_id, user_id, min(since) as since, array_agg(distinct type) as types
from taken, unnest(types) as type
group by tenant_id, user_id
