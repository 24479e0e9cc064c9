-- A tenant's events of a range, in order, as JSON lines. Params: :tenant uuid, :from_at, :to_at (exclusive). Returns line.
select to_json(x)::text as line
from (
  select tenant_id, event_id, occurred_at, claimed_at, received_at, local_hour, type, user_id, session_id, subject_id, source,
    is_action, plan, coach_id, cohort_week, cohort_month, properties::text as properties
  from analytics.events
  where tenant_id = :tenant::uuid and occurred_at >= :from_at::timestamptz and occurred_at < :to_at::timestamptz
) x
order by x.occurred_at, x.event_id
