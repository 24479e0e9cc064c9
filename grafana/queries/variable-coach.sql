-- Coaches by name.
select coalesce(nullif(name, ''), value) as __text, value as __value
from grafana.query(grafana.parameters(${tenant:sqlstring}, now() - interval '1 day', now()), $metric$
  select coach_id, display_name from coaches
$metric$) as r(value text, name text)
order by 1
