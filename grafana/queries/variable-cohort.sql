-- Signup weeks, the latest first.
select value as __value
from grafana.query(grafana.parameters(${tenant:sqlstring}, now() - interval '1 day', now()), $metric$
  select distinct cohort_of_week(date_trunc('week', signup_day)::date) from members where signup_day is not null
$metric$) as r(value text)
order by 1 desc
