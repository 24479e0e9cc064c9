-- Marks on the time axis: deploys or retention runs.
select at as "time", title as text, kind as tags
from grafana.marks
where kind = :kind and $__timeFilter(at)
order by 1
