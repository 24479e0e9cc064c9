-- Drop of weekly active members from one complete week to the next, at the end of the later one. Params: :from_at, :now.
with running as (
  select day, sum(sum(wau_delta)) over (order by day) as wau
  from presence_daily
  group by day
),
ends as (
  select w::date as monday, x.timezone
  from alert_context x
  cross join lateral generate_series(
    date_trunc('week', :from_at::timestamptz at time zone x.timezone),
    date_trunc('week', :now::timestamptz at time zone x.timezone),
    interval '7 days'
  ) w
),
weeks as (
  select e.monday, e.timezone,
    coalesce((select wau from running r where r.day < e.monday order by r.day desc limit 1), 0)::double precision as wau,
    coalesce((select wau from running r where r.day < e.monday - 7 order by r.day desc limit 1), 0)::double precision as before
  from ends e
)
select monday::timestamp at time zone timezone as time, 1 - wau / before as value
from weeks
where before >= 10 and monday::timestamp at time zone timezone >= :from_at::timestamptz
order by 1
