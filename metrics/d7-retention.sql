-- Active on local day signup+7 / cohort size, by signup period; only periods whose last day 7 is over.
select period_start(:granularity, signup_day::timestamp) as t, member_dimension(:group_by, plan, coach_id, cohort_week, cohort_month) as key,
  coalesce(sum(members) filter (where day = signup_day + 7), 0)::double precision as numerator,
  coalesce(sum(members) filter (where day = signup_day), 0)::double precision as denominator
from retention_daily
where signup_day >= :from_day::date and signup_day < :to_day::date
  and day >= :from_day::date and day < :to_day::date + 7 and day in (signup_day, signup_day + 7)
  and period_end(:granularity, period_start(:granularity, signup_day::timestamp)::date) - 1 + 7 < :today::date
  and member_filter(:filters::jsonb, plan, coach_id, cohort_week, cohort_month)
group by 1, 2
