-- Retention triangle: members of each signup cohort active in their n-th unit, and whether that cell is over.
-- Params: :cohort (day|week|month), :unit (day|week|month), :mode (classic|rolling|calendar), :from_day, :to_day (signup),
-- :today, :units integer, :filters. classic: active in unit n after signing up (day n; days 7n..7n+6). rolling: active in
-- it or later. calendar: active in the n-th calendar week or month after the cohort's. Rows: cohort, n, size, retained
-- (null while not over).
with days as (
  select signup_day, day, members, signup_week_members, week_members, month_members, last_seen,
    date_trunc(:cohort, signup_day::timestamp)::date as cohort
  from retention_daily
  where signup_day >= :from_day::date and signup_day < :to_day::date and day >= :from_day::date
    and member_filter(:filters::jsonb, plan, coach_id, cohort_week, cohort_month)
),
placed as (
  select cohort, signup_day, day,
    case
      when :mode = 'calendar' and :unit = 'month' then
        (extract(year from age(date_trunc('month', day::timestamp), date_trunc('month', signup_day::timestamp))) * 12
          + extract(month from age(date_trunc('month', day::timestamp), date_trunc('month', signup_day::timestamp))))::integer
      when :mode = 'calendar' and :unit = 'week' then
        (date_trunc('week', day::timestamp)::date - date_trunc('week', signup_day::timestamp)::date) / 7
      when :unit = 'week' then floor((day - signup_day) / 7.0)::integer
      else day - signup_day
    end as n,
    case
      when :mode = 'rolling' then last_seen
      when :mode = 'calendar' and :unit = 'month' then month_members
      when :mode = 'calendar' and :unit = 'week' then week_members
      when :unit = 'week' then signup_week_members
      else members
    end as active
  from days
),
sizes as (
  select cohort, sum(members) as size from days where day = signup_day group by 1
),
counts as (
  -- rolling sums up from the last column backwards: what is beyond it belongs to it
  select cohort, case :mode when 'rolling' then least(n, :units::integer) else n end as n, sum(active) as active
  from placed
  where n >= 0
  group by 1, 2
),
cells as (
  select s.cohort, g.n, s.size,
    case :mode
      when 'rolling' then sum(coalesce(c.active, 0)) over (
        partition by s.cohort order by g.n desc rows unbounded preceding
      )
      else coalesce(c.active, 0)
    end as active,
    -- first day after the cell, for the cohort's last possible member
    case
      when :mode = 'calendar' and :unit = 'month' then
        (date_trunc('month', (period_end(:cohort, s.cohort) - 1)::timestamp) + make_interval(months => g.n + 1))::date
      when :mode = 'calendar' and :unit = 'week' then
        date_trunc('week', (period_end(:cohort, s.cohort) - 1)::timestamp)::date + 7 * (g.n + 1)
      when :unit = 'week' then period_end(:cohort, s.cohort) - 1 + 7 * g.n + 7
      else period_end(:cohort, s.cohort) - 1 + g.n + 1
    end as over_on
  from sizes s
  cross join generate_series(0, :units::integer) g (n)
  left join counts c on c.cohort = s.cohort and c.n = g.n
)
select cohort, n, size::double precision as size,
  case when over_on <= :today::date then active::double precision end as retained
from cells
order by cohort, n
