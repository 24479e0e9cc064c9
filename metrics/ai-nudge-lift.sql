-- Effectiveness / baseline - 1.
with nudged as (
  select date_trunc(:granularity, local_hour) as t, member_dimension(:group_by, plan, coach_id, cohort_week, cohort_month) as key, sum(followed)::double precision / sum(delivered) as rate
  from nudges_hourly
  where local_hour >= :from_day::date and local_hour < :to_day::date
    and bucket >= :from_bucket::timestamptz and bucket < :to_bucket::timestamptz
    and hour + interval '25 hours' <= :now::timestamptz
    and member_filter(:filters::jsonb, plan, coach_id, cohort_week, cohort_month)
  group by 1, 2
),
free as (
  select period_start(:granularity, day::timestamp) as t, member_dimension(:group_by, plan, coach_id, cohort_week, cohort_month) as key, sum(acted)::double precision / sum(days) as rate
  from nudge_free_daily
  where day >= :from_day::date and day < :to_day::date
    and member_filter(:filters::jsonb, plan, coach_id, cohort_week, cohort_month)
  group by 1, 2
)
select n.t, n.key, n.rate / nullif(f.rate, 0) - 1 as value
from nudged n
join free f on f.t = n.t and f.key is not distinct from n.key
