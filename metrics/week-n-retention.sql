-- Active on days 7n..7n+6 / cohort size, by signup period and n; only cells that are over.
with cells as (
  select signup_day, day, plan, coach_id, cohort_week, cohort_month, members, signup_week_members,
    (day - signup_day) / 7 as n
  from retention_daily
  where signup_day >= :from_day::date and signup_day < :to_day::date and day >= signup_day and day < signup_day + 371
    and day >= :from_day::date
    and member_filter(:filters::jsonb, plan, coach_id, cohort_week, cohort_month)
),
sizes as (
  select period_start(:granularity, signup_day::timestamp) as t,
    case when :group_by <> 'week' then member_dimension(:group_by, plan, coach_id, cohort_week, cohort_month) end as key, sum(members) as size
  from cells
  where day = signup_day
  group by 1, 2
),
active as (
  select period_start(:granularity, signup_day::timestamp) as t,
    case when :group_by <> 'week' then member_dimension(:group_by, plan, coach_id, cohort_week, cohort_month) end as key, n, sum(signup_week_members) as members
  from cells
  group by 1, 2, 3
),
weeks as (
  select n from generate_series(0, 52) n
  where case
    when :filters::jsonb -> 'week' is not null then :filters::jsonb -> 'week' ? n::text
    when :group_by = 'week' then true
    else n = 1
  end
)
select s.t, case when :group_by = 'week' then w.n::text else s.key end as key,
  sum(coalesce(a.members, 0))::double precision as numerator, sum(s.size)::double precision as denominator
from sizes s
cross join weeks w
left join active a on a.t = s.t and a.key is not distinct from s.key and a.n = w.n
where period_end(:granularity, s.t::date) - 1 + 7 * w.n + 6 < :today::date
group by 1, 2
