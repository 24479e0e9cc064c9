-- Deploys and retention runs in the range.
select at as "Time", kind as "Kind", title as "What" from grafana.marks where $__timeFilter(at) order by 1 desc
