-- High-risk members of those scored, on the last scored local day of each period.
with ends as (
  select p as period, (
    select max(day) from churn_daily
    where day >= p and day < least(period_end(:granularity, p), :today::date)
  ) as day
  from periods(:granularity, :from_day::date, :to_day::date) p
  where p <= :today::date
)
select e.period::timestamp as t, member_dimension(:group_by, c.plan, c.coach_id, c.cohort_week, c.cohort_month) as key,
  sum(c.high)::double precision as numerator, sum(c.members)::double precision as denominator
from ends e
join churn_daily c on c.day = e.day
where member_filter(:filters::jsonb, c.plan, c.coach_id, c.cohort_week, c.cohort_month)
group by 1, 2
