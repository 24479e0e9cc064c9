-- Members of a signup cohort who did something on any of the last 30 days. Params: :from_day, :to_day (signup), :today,
-- :filters. One row: active.
select coalesce(sum(last_seen), 0)::double precision as active
from retention_daily
where signup_day >= :from_day::date and signup_day < :to_day::date
  and day > :today::date - 30 and day <= :today::date
  and member_filter(:filters::jsonb, plan, coach_id, cohort_week, cohort_month)
