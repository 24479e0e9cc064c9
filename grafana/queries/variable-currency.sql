-- The currency in which the tenant's money is shown.
select currency::text as __value from grafana.tenants where slug = ${tenant:sqlstring}
