-- Events of the range by type.
select type as "Type", sum(events) as "Events"
from grafana.ingest
where $__timeFilter(bucket) and tenant in (${tenants:sqlstring})
group by 1
order by 2 desc, 1
limit 20
