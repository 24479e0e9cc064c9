-- The tenants that this login may read.
select name as __text, slug as __value from grafana.tenants order by 1
