-- DAU / MAU, pooled over the days of the period.
with mau_deltas as (
  select day, member_dimension(:group_by, plan, coach_id, cohort_week, cohort_month) as key, sum(mau_delta) as delta
  from presence_daily
  where day < :to_day::date
    and member_filter(:filters::jsonb, plan, coach_id, cohort_week, cohort_month)
  group by 1, 2
),
days as (
  select d as day from periods('day', :from_day::date, :to_day::date) d where d <= :today::date
),
steps as (
  select day, key, delta, false as wanted from mau_deltas
  union all
  select d.day, k.key, 0, true from days d cross join (select distinct key from mau_deltas) k
),
mau as (
  select day, key, wanted, sum(delta) over (partition by key order by day) as members from steps
),
dau as (
  select day, member_dimension(:group_by, plan, coach_id, cohort_week, cohort_month) as key, sum(members) as members
  from members_daily
  where day >= :from_day::date and day < :to_day::date
    and member_filter(:filters::jsonb, plan, coach_id, cohort_week, cohort_month)
  group by 1, 2
)
select period_start(:granularity, mau.day::timestamp) as t, mau.key,
  coalesce(sum(dau.members), 0)::double precision as numerator, sum(mau.members)::double precision as denominator
from mau
left join dau on dau.day = mau.day and dau.key is not distinct from mau.key
where mau.wanted
group by 1, 2
