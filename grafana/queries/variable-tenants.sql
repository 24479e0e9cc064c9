-- All tenants, for the platform's own state.
select name as __text, slug as __value from grafana.tenants order by 1
