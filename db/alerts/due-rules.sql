-- When each rule was last evaluated for a tenant. Params: :tenant_id.
select rule, max(evaluated_at) as evaluated_at
from analytics.alert_states
where tenant_id = :tenant_id::uuid
group by rule
