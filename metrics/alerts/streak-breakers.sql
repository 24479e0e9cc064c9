-- Members whose streak of 14 days or more ended three closed days ago, with no check of any habit since, at the end of the
-- third day. Params: :from_at, :now.
with days as (
  select d::date as day, x.timezone
  from alert_context x
  cross join lateral generate_series(
    date_trunc('day', :from_at::timestamptz at time zone x.timezone),
    date_trunc('day', :now::timestamptz at time zone x.timezone) - interval '1 day',
    interval '1 day'
  ) d
),
recent as materialized (
  select h.user_id, h.habit_id, h.day, h.expected, h.done, h.streak
  from habit_days h
  where h.day >= (select min(day) from days) - 3 and h.day <= (select max(day) from days)
),
broken as (
  select distinct d.day, before.user_id
  from days d
  join recent before on before.day = d.day - 3 and before.streak >= 14
  where exists (
      select from recent missed
      where missed.user_id = before.user_id and missed.habit_id = before.habit_id and missed.day > d.day - 3
        and missed.day <= d.day and missed.expected > 0
    )
    and not exists (
      select from recent checked
      where checked.user_id = before.user_id and checked.day > d.day - 3 and checked.day <= d.day and checked.done > 0
    )
)
select (d.day + 1)::timestamp at time zone d.timezone as time, count(b.user_id)::double precision as value
from days d
left join broken b on b.day = d.day
group by d.day, d.timezone
order by 1
