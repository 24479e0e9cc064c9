-- What waits for the workers, by tenant.
select tenant as "Tenant", lag_seconds as "Lag", marks as "Marks of members", webhooks as "Marks of revenue"
from grafana.backlog
where tenant = any(array[${tenants:sqlstring}]::text[])
order by lag_seconds desc nulls last, tenant
