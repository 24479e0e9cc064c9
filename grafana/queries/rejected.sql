-- Rejected events per hour by source; they wait in the quarantine until replayed.
select bucket as "time", source as metric, sum(events) as rejected
from grafana.rejected
where $__timeFilter(bucket) and tenant = any(array[${tenants:sqlstring}]::text[])
group by 1, 2
order by 1, 2
