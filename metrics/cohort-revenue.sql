-- What each signup cohort paid in its n-th month after signing up, and who of it is a paying customer at its end.
-- Params: :cohort (week|month), :from_day, :to_day (signup), :today, :units integer, :filters. Month n of a member begins n
-- months after the day of signing up; what was paid before that day counts in month 0. Rows: cohort, n, size, revenue (minor
-- units of the reporting currency, net of refunds, unrounded; null while a rate is unknown), paying, churned (customers who
-- ceased to pay in the month, who may return); all three null while the month is not over for the cohort's last member.
with cohort_members as materialized (
  select user_id, signup_day, date_trunc(:cohort, signup_day::timestamp)::date as cohort
  from members
  where signup_day >= :from_day::date and signup_day < :to_day::date
    and member_filter(:filters::jsonb, signup_plan, signup_coach_id, date_trunc('week', signup_day)::date, date_trunc('month', signup_day)::date)
),
sizes as (
  select cohort, count(*) as size from cohort_members group by 1
),
money as materialized (
  select c.cohort, greatest(months_between(c.signup_day, r.day), 0) as n, r.currency, r.day, sum(r.amount) / 1000000 as amount
  from cohort_members c
  join member_revenue r on r.user_id = c.user_id
  where r.signup_day >= :from_day::date and r.signup_day < :to_day::date and r.day <= :today::date
  group by 1, 2, 3, 4
),
factors as materialized (
  select m.currency, m.day, fx_factor(m.currency, t.currency, m.day) as factor
  from (select distinct currency, day from money) m
  cross join reporting_currency t
),
paid as (
  select m.cohort, m.n, sum(m.amount * f.factor) as revenue, bool_or(f.factor is null) as is_unknown
  from money m
  join factors f on f.currency = m.currency and f.day = m.day
  group by 1, 2
),
changes as (
  select c.cohort, greatest(months_between(c.signup_day, s.day), 0) as n, sum(s.subscriber_delta) as delta,
    count(*) filter (where s.subscriber_delta < 0) as churned
  from cohort_members c
  join member_subscriber_changes s on s.user_id = c.user_id
  where s.signup_day >= :from_day::date and s.signup_day < :to_day::date and s.day <= :today::date
  group by 1, 2
),
cells as (
  select s.cohort, g.n, s.size, p.is_unknown, coalesce(p.revenue, 0) as revenue, coalesce(c.churned, 0) as churned,
    sum(coalesce(c.delta, 0)) over (partition by s.cohort order by g.n) as paying,
    (period_end(:cohort, s.cohort) - 1 + make_interval(months => g.n + 1))::date <= :today::date as is_over
  from sizes s
  cross join generate_series(0, :units::integer) g (n)
  left join paid p on p.cohort = s.cohort and p.n = g.n
  left join changes c on c.cohort = s.cohort and c.n = g.n
)
select cohort, n, size::double precision as size,
  case when is_over and is_unknown is not true then revenue::double precision end as revenue,
  is_over,
  case when is_over then paying::double precision end as paying,
  case when is_over then churned::double precision end as churned
from cells
order by cohort, n
