-- Sessions started and active minutes by local weekday (1 = Monday) and local hour: all 168 cells.
with hours as (
  select extract(isodow from local_hour)::integer as weekday, extract(hour from local_hour)::integer as hour,
    sum(sessions)::double precision as sessions, sum(active_seconds) / 60 as active_minutes
  from activity
  where grain = 'hour' and bucket >= :from_bucket::timestamptz and bucket < :to_bucket::timestamptz
    and local_hour >= :from_day::date and local_hour < :to_day::date
    and member_filter(:filters::jsonb, plan, coach_id, cohort_week, cohort_month)
  group by 1, 2
)
select w as weekday, h as hour, coalesce(sessions, 0) as sessions, coalesce(active_minutes, 0) as active_minutes
from generate_series(1, 7) w
cross join generate_series(0, 23) h
left join hours on hours.weekday = w and hours.hour = h
order by 1, 2
