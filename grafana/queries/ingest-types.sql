-- Events of the range by type.
select type as "Type", sum(events) as "Events"
from grafana.ingest
where $__timeFilter(bucket) and tenant = any(array[${tenants:sqlstring}]::text[])
group by 1
order by 2 desc, 1
limit 20
