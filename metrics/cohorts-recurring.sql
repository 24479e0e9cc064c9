-- Recurring retention: of the members active in a period, how many were active again (or, rolling, at any time) n periods
-- later. Params: :unit (day|week|month), :mode (recurring|recurring_rolling), :from_day, :to_day, :today, :units, :filters.
-- Rows as cohorts.sql.
with active as (
  select distinct user_id, date_trunc(:unit, day::timestamp)::date as period
  from member_days
  where day >= :from_day::date and day < :to_day::date
    and member_filter(:filters::jsonb, plan, coach_id, cohort_week, cohort_month)
),
numbered as (
  select user_id, period,
    (select count(*) from periods(:unit, :from_day::date, period) p)::integer as i
  from active
),
pairs as (
  select a.i, b.i - a.i as n, a.user_id,
    max(b.i - a.i) over (partition by a.i, a.user_id) as furthest
  from numbered a
  join numbered b on b.user_id = a.user_id and b.i >= a.i
),
sizes as (
  select p as cohort, row_number() over (order by p) - 1 as i
  from periods(:unit, :from_day::date, :to_day::date) p
)
select s.cohort, g.n,
  (select count(distinct user_id) from numbered x where x.i = s.i)::double precision as size,
  case when period_end(:unit, (s.cohort + g.n * case :unit when 'week' then interval '7 days' when 'month' then interval '1 month' else interval '1 day' end)::date) <= :today::date then
    (select count(distinct p.user_id) from pairs p
     where p.i = s.i and case :mode when 'recurring_rolling' then p.furthest >= g.n else p.n = g.n end)::double precision
  end as retained
from sizes s
cross join generate_series(0, :units::integer) g (n)
order by s.cohort, g.n
