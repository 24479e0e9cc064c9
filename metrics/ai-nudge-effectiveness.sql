-- Nudges followed by an action within 24 h / delivered. Only hours whose 24 hours are over.
select case when :granularity = 'hour' then hour at time zone 'UTC' else date_trunc(:granularity, local_hour) end as t,
  case when :group_by = 'persona' then persona else member_dimension(:group_by, plan, coach_id, cohort_week, cohort_month) end as key,
  sum(followed)::double precision as numerator, sum(delivered)::double precision as denominator
from nudges_hourly
where case when :granularity = 'hour' then hour at time zone 'UTC' else local_hour end >= :from_at::timestamp
  and case when :granularity = 'hour' then hour at time zone 'UTC' else local_hour end < :to_at::timestamp
  and bucket >= :from_bucket::timestamptz and bucket < :to_bucket::timestamptz
  and hour + interval '25 hours' <= :now::timestamptz
  and (:filters::jsonb -> 'persona' is null or :filters::jsonb -> 'persona' ? persona)
  and member_filter(:filters::jsonb, plan, coach_id, cohort_week, cohort_month)
group by 1, 2
