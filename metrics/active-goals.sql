-- Open at start + created + reopened, from sums of deltas: exact for any period, independent of dropped rows.
with changes as (
  -- what happened before the range is one step: the goals open at its start
  select case when day >= :from_day::date then period_start(:granularity, day::timestamp) end as t, member_dimension(:group_by, plan, coach_id, cohort_week, cohort_month) as key,
    sum(created + reopened) as opened, sum(completed) as completed, sum(open_delta) as open_delta
  from goals_daily
  where day < :to_day::date
    and member_filter(:filters::jsonb, plan, coach_id, cohort_week, cohort_month)
  group by 1, 2
),
steps as (
  select t, key, opened, completed, open_delta from changes
  union all
  select p::timestamp, k.key, 0, 0, 0
  from periods(:granularity, :from_day::date, :to_day::date) p
  cross join (select distinct key from changes) k
  where p <= :today::date
),
totals as (
  select t, key, sum(opened) as opened, sum(completed) as completed, sum(open_delta) as open_delta
  from steps
  group by 1, 2
),
counted as (
  select t, key, completed,
    opened + coalesce(sum(open_delta) over (
      partition by key order by t nulls first rows between unbounded preceding and 1 preceding
    ), 0) as active
  from totals
)
select t, key, active::double precision as value
from counted
where t is not null
