-- An alert rule for every tenant that has not switched it off: by how much the value is above the tenant's threshold.
select a."time", t.slug as tenant, :labels a.value - t.threshold as value
from (
  select slug, case when jsonb_typeof(settings -> :setting) = 'number' then (settings ->> :setting)::double precision else :threshold end as threshold
  from grafana.tenants
  where settings -> :setting is distinct from 'false'::jsonb
) t
cross join lateral grafana.query(grafana.parameters(t.slug, now(), now()), :query) as a(:columns)
order by 1
