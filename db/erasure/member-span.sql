-- First and last raw event of a member. Params: :tenant uuid, :member. Returns from_at, to_at; null when there is none.
select min(occurred_at) as from_at, max(occurred_at) as to_at
from analytics.events
where tenant_id = :tenant::uuid and user_id = :member
