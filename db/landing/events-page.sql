-- One page of a tenant's events of a range, in order, as JSON lines. Params: :tenant uuid, :from_at, :to_at (exclusive),
-- :after_at timestamptz, :after_id, :limit. Returns line, occurred_at (text, to the microsecond: the next page begins after it), event_id.
select to_json(x)::text as line, x.occurred_at::text as occurred_at, x.event_id
from (
  select tenant_id, event_id, occurred_at, claimed_at, received_at, local_hour, type, user_id, session_id, subject_id, source,
    is_action, plan, coach_id, cohort_week, cohort_month, properties::text as properties
  from analytics.events
  where tenant_id = :tenant::uuid and occurred_at >= :from_at::timestamptz and occurred_at < :to_at::timestamptz
    and (occurred_at, event_id) > (:after_at::timestamptz, :after_id)
  order by occurred_at, event_id
  limit :limit::integer
) x
order by x.occurred_at, x.event_id
