-- What is stored of identities that were sent again. Params: :tenant uuid, :event_ids, :occurred_at (arrays), :min_at and
-- :max_at bounding the instants (so that only those chunks are planned). Returns i (counted from 1) and content_hash (text).
select sent.i::integer, e.content_hash::text
from unnest(:event_ids::text[], :occurred_at::timestamptz[]) with ordinality as sent (event_id, occurred_at, i)
-- "limit" keeps it a look-up per row: joined, all of the tenant's events in the span would be read
cross join lateral (
  select e.content_hash
  from analytics.events e
  where e.tenant_id = :tenant::uuid and e.event_id = sent.event_id and e.occurred_at = sent.occurred_at
    and e.occurred_at between :min_at::timestamptz and :max_at::timestamptz
  limit 1
) e
