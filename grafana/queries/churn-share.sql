-- Share of members whose risk is high, and the mean probability, per closed day.
select r.day::timestamp at time zone r.timezone as "time", r.share as "High risk", r.probability as "Mean probability"
from grafana.query(:parameters, $metric$
  select day, (select timezone from alert_context), sum(high)::double precision / sum(members), sum(probability) / sum(members)::double precision
  from churn_daily
  where day >= :from_day and day < :to_day
    and member_filter(:filters, plan, coach_id, cohort_week, cohort_month)
  group by day
$metric$) as r(day date, timezone text, share double precision, probability double precision)
order by 1
