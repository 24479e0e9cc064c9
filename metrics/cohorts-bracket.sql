-- Bracket retention: members of each signup cohort active on any of the days :first..:last after signing up. Reads
-- member-days, so it reaches back as far as the retention of user-level rows. Params: :cohort, :first, :last, :from_day,
-- :to_day (signup), :today, :filters. Rows as cohorts.sql with n = :first.
with days as (
  select user_id, signup_day, day - signup_day as age, date_trunc(:cohort, signup_day::timestamp)::date as cohort
  from member_days
  where signup_day >= :from_day::date and signup_day < :to_day::date and day >= :from_day::date
    and member_filter(:filters::jsonb, signup_plan, signup_coach_id, date_trunc('week', signup_day)::date, date_trunc('month', signup_day)::date)
)
select cohort, :first::integer as n, count(distinct user_id) filter (where age = 0)::double precision as size,
  case when period_end(:cohort, cohort) - 1 + :last::integer < :today::date then
    count(distinct user_id) filter (where age between :first::integer and :last::integer)::double precision
  end as retained
from days
group by cohort
order by cohort
