-- Waiting longer than the SLA at the period's end: the sum of those that became late minus those answered.
with deltas as (
  select day, member_dimension(:group_by, plan, coach_id, cohort_week, cohort_month) as key, sum(delta) as delta
  from sla_daily
  where day < :to_day::date
    and member_filter(:filters::jsonb, plan, coach_id, cohort_week, cohort_month)
  group by 1, 2
),
ends as (
  select least(period_end(:granularity, p) - 1, :today::date) as day, p as period
  from periods(:granularity, :from_day::date, :to_day::date) p
  where p <= :today::date
),
steps as (
  select day, key, delta, null::date as period from deltas
  union all
  select e.day, k.key, 0, e.period from ends e cross join (select distinct key from deltas) k
),
running as (
  select period, key, sum(delta) over (partition by key order by day) as value from steps
)
select period::timestamp as t, key, value::double precision
from running
where period is not null
