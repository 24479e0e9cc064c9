-- Nudge-free days with a qualifying action / nudge-free days.
select period_start(:granularity, day::timestamp) as t, member_dimension(:group_by, plan, coach_id, cohort_week, cohort_month) as key,
  sum(acted)::double precision as numerator, sum(days)::double precision as denominator
from nudge_free_daily
where day >= :from_day::date and day < :to_day::date
  and member_filter(:filters::jsonb, plan, coach_id, cohort_week, cohort_month)
group by 1, 2
