-- Plans that members have or had.
select value as __value
from grafana.query(grafana.parameters(${tenant:sqlstring}, now() - interval '1 day', now()), $metric$
  select distinct plan from member_history where plan <> ''
$metric$) as r(value text)
order by 1
