-- Mean rating.
select period_start(:granularity, day::timestamp) as t, member_dimension(:group_by, plan, coach_id, cohort_week, cohort_month) as key,
  coalesce(sum(total) filter (where type = 'ai_session_rated'), 0)::double precision as numerator,
  coalesce(sum(events) filter (where type = 'ai_session_rated'), 0)::double precision as denominator
from ratings_daily
where day >= :from_day::date and day < :to_day::date
  and bucket >= :from_bucket::timestamptz and bucket < :to_bucket::timestamptz
  and type in ('ai_session_rated', 'ai_session_ended')
  and member_filter(:filters::jsonb, plan, coach_id, cohort_week, cohort_month)
group by 1, 2
