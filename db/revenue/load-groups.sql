-- All facts that share a key with the given events, directly or through other facts. Params: :tenant_id, :events jsonb
-- [{provider, event_id}]. Returns fact.
with recursive reach (key) as (
  select k.key
  from jsonb_to_recordset(:events::jsonb) as e (provider text, event_id text)
  join analytics.revenue_fact_keys k
    on k.tenant_id = :tenant_id::uuid and k.provider = e.provider and k.event_id = e.event_id
  union
  select other.key
  from reach r
  join analytics.revenue_fact_keys mine on mine.tenant_id = :tenant_id::uuid and mine.key = r.key
  join analytics.revenue_fact_keys other
    on other.tenant_id = :tenant_id::uuid and other.provider = mine.provider and other.event_id = mine.event_id
),
events as (
  select distinct k.provider, k.event_id
  from reach r join analytics.revenue_fact_keys k on k.tenant_id = :tenant_id::uuid and k.key = r.key
)
select f.fact
from events e
join analytics.revenue_facts f
  on f.tenant_id = :tenant_id::uuid and f.provider = e.provider and f.event_id = e.event_id
