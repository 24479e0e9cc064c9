-- Sessions started / distinct active members.
with sessions as (
  select period_start(:granularity, at) as t, member_dimension(:group_by, plan, coach_id, cohort_week, cohort_month) as key,
    sum(sessions)::double precision as sessions, sum(active_members)::double precision as hour_members
  from activity
  where grain = :grain and at >= :from_at::timestamp and at < :to_at::timestamp
  and bucket >= :from_bucket::timestamptz and bucket < :to_bucket::timestamptz
    and member_filter(:filters::jsonb, plan, coach_id, cohort_week, cohort_month)
  group by 1, 2
),
members as (
  select t, key, hour_members as members from sessions where :granularity = 'hour'
  union all
  select period_start(:granularity, day::timestamp), member_dimension(:group_by, plan, coach_id, cohort_week, cohort_month),
    sum(case :granularity when 'day' then members when 'week' then week_members else month_members end)::double precision
  from members_daily
  where :granularity <> 'hour' and day >= :from_day::date and day < :to_day::date
    and member_filter(:filters::jsonb, plan, coach_id, cohort_week, cohort_month)
  group by 1, 2
)
select coalesce(s.t, m.t) as t, coalesce(s.key, m.key) as key, coalesce(s.sessions, 0) as numerator, m.members as denominator
from sessions s
full join members m on (m.t, coalesce(m.key, '')) = (s.t, coalesce(s.key, ''))
