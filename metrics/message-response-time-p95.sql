-- Percentile 0.95 of the response times of all replies of the period, from rolled-up sketches.
select period_start(:granularity, at) as t, member_dimension(:group_by, plan, coach_id, cohort_week, cohort_month) as key, approx_percentile(0.95, rollup(seconds)) as value
from response_times
where grain = :grain and at >= :from_at::timestamp and at < :to_at::timestamp
  and bucket >= :from_bucket::timestamptz and bucket < :to_bucket::timestamptz
  and member_filter(:filters::jsonb, plan, coach_id, cohort_week, cohort_month)
group by 1, 2
