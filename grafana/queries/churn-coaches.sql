-- Each coach's book on the latest scored day of the range.
select r.coach as "Coach", r.members as "Members", r.high as "High risk", r.high / nullif(r.members, 0) as "Share"
from grafana.query(:parameters, $metric$
  select coach_id, sum(members)::double precision, sum(high)::double precision
  from churn_daily
  where day = (select max(day) from churn_daily where day >= :from_day and day < :to_day) and coach_id <> ''
    and member_filter(:filters, plan, coach_id, cohort_week, cohort_month)
  group by 1
$metric$) as r(coach text, members double precision, high double precision)
order by 4 desc nulls last, 1
