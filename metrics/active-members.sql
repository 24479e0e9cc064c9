-- Distinct members of the period: member-hours and -days carry first-in-period flags, so sums are distinct counts.
select period_start(:granularity, at) as t, member_dimension(:group_by, plan, coach_id, cohort_week, cohort_month) as key, sum(active_members)::double precision as value
from activity
where :granularity = 'hour' and grain = 'hour' and at >= :from_at::timestamp and at < :to_at::timestamp
  and bucket >= :from_bucket::timestamptz and bucket < :to_bucket::timestamptz
  and member_filter(:filters::jsonb, plan, coach_id, cohort_week, cohort_month)
group by 1, 2
union all
select period_start(:granularity, day::timestamp), member_dimension(:group_by, plan, coach_id, cohort_week, cohort_month),
  sum(case :granularity when 'day' then members when 'week' then week_members else month_members end)::double precision
from members_daily
where :granularity <> 'hour' and day >= :from_day::date and day < :to_day::date
  and member_filter(:filters::jsonb, plan, coach_id, cohort_week, cohort_month)
group by 1, 2
