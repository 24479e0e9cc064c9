-- Events per hour by tenant.
select bucket as "time", tenant as metric, sum(events) as events
from grafana.ingest
where $__timeFilter(bucket) and tenant = any(array[${tenants:sqlstring}]::text[])
group by 1, 2
order by 1, 2
