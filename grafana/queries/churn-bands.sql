-- Members active in the last 30 days by churn risk, per closed day of the tenant.
select r.day::timestamp at time zone r.timezone as "time", r.high as "High", r.medium as "Medium", r.low as "Low"
from grafana.query(:parameters, $metric$
  select day, (select timezone from alert_context), sum(high)::double precision, sum(medium)::double precision, sum(low)::double precision
  from churn_daily
  where day >= :from_day and day < :to_day
    and member_filter(:filters, plan, coach_id, cohort_week, cohort_month)
  group by day
$metric$) as r(day date, timezone text, high double precision, medium double precision, low double precision)
order by 1
