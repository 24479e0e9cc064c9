-- Other members' raw events of a range that hold a member's id somewhere in their properties. Params: :tenant uuid, :member,
-- :from_at, :to_at timestamptz (exclusive). Returns event_id, occurred_at, user_id, type, properties.
select event_id, occurred_at, user_id, type, properties
from analytics.events
where tenant_id = :tenant::uuid and user_id <> :member
  and occurred_at >= :from_at::timestamptz and occurred_at < :to_at::timestamptz
  and strpos(properties::text, :member) > 0
