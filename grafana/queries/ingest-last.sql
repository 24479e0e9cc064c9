-- What arrived last, by tenant.
select tenant as "Tenant", max(bucket) as "Last hour with events", sum(events) as "Events",
  sum(events) filter (where bucket >= date_trunc('hour', now()) - interval '24 hours') as "Last 24 h"
from grafana.ingest
where $__timeFilter(bucket) and tenant = any(array[${tenants:sqlstring}]::text[])
group by 1
order by 1
