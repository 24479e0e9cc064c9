-- Plans that were ever paid for, by their latest name.
select coalesce(name, value) as __text, value as __value
from grafana.query(grafana.parameters(${tenant:sqlstring}, now() - interval '1 day', now()), $metric$
  select distinct on (plan) plan, plan_name from subscriptions where plan <> '' order by plan, started_at desc
$metric$) as r(value text, name text)
order by 1
