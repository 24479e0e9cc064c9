-- Completions in the period.
select period_start(:granularity, day::timestamp) as t, member_dimension(:group_by, plan, coach_id, cohort_week, cohort_month) as key, sum(completed)::double precision as value
from goals_daily
where day >= :from_day::date and day < :to_day::date
  and bucket >= :from_bucket::timestamptz and bucket < :to_bucket::timestamptz
  and member_filter(:filters::jsonb, plan, coach_id, cohort_week, cohort_month)
group by 1, 2
