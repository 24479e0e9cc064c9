-- Personas whose nudges were sent.
select value as __value
from grafana.query(grafana.parameters(${tenant:sqlstring}, now() - interval '1 day', now()), $metric$
  select distinct persona from nudges_hourly where persona <> ''
$metric$) as r(value text)
order by 1
