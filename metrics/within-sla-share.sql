-- Replies within the SLA / replies.
select period_start(:granularity, at) as t, member_dimension(:group_by, plan, coach_id, cohort_week, cohort_month) as key,
  sum(within_sla)::double precision as numerator, sum(replies)::double precision as denominator
from response_times
where grain = :grain and at >= :from_at::timestamp and at < :to_at::timestamp
  and bucket >= :from_bucket::timestamptz and bucket < :to_bucket::timestamptz
  and member_filter(:filters::jsonb, plan, coach_id, cohort_week, cohort_month)
group by 1, 2
