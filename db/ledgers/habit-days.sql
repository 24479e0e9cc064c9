-- Habit ledger, 2 of 3: what each habit expected on each day and what was done, from day_from up to today.
-- Params: :scope jsonb [{tenant_id,user_id,day_from,today}], :floor_day date (earliest day_from).
with scope as materialized (
  select * from jsonb_to_recordset(:scope::jsonb) as t (tenant_id uuid, user_id text, day_from date, today date)
),
spells as (
  select s.tenant_id, s.user_id, s.habit_id, s.kind, s.days, s.times, t.day_from, t.today,
    greatest(s.valid_from, t.day_from) as from_day,
    least(coalesce(lead(s.valid_from) over (partition by s.tenant_id, s.user_id, s.habit_id order by s.valid_from) - 1, t.today), t.today) as to_day
  from scope t
  join analytics.habit_schedules s on s.tenant_id = t.tenant_id and s.user_id = t.user_id
),
checks as (
  select e.tenant_id, e.user_id, e.subject_id as habit_id,
    least(coalesce((e.properties ->> 'for_date')::date, e.local_hour::date), e.local_hour::date) as day,
    bool_or(e.type = 'habit_checked') as done, bool_or(e.type = 'habit_skipped') as skipped
  from scope t
  cross join lateral (
    select *
    from analytics.events
    where tenant_id = t.tenant_id and user_id = t.user_id
      -- a local day begins at most 14 hours before its UTC date
      and occurred_at >= (:floor_day::date - 1)::timestamp at time zone 'UTC'
      and occurred_at >= (t.day_from - 1)::timestamp at time zone 'UTC'
      and type in ('habit_checked', 'habit_skipped')
    offset 0
  ) e
  group by 1, 2, 3, 4
),
fresh as (
  select s.tenant_id, s.user_id, s.habit_id, d::date as day, s.kind, s.times,
    coalesce(c.done, false)::integer::smallint as done,
    coalesce(c.skipped and not c.done, false) as skipped,
    case
      when coalesce(c.skipped and not c.done, false) then 0
      when s.kind = 'times_per_week' then s.times / 7.0
      when extract(isodow from d)::integer = any (s.days) then 1
      else 0
    end::double precision as expected,
    d::date = s.today as is_today
  from spells s
  cross join lateral generate_series(s.from_day::timestamp, s.to_day::timestamp, interval '1 day') d
  left join checks c
    on c.tenant_id = s.tenant_id and c.user_id = s.user_id and c.habit_id = s.habit_id and c.day = d::date
  where s.kind <> 'ended' and s.from_day <= s.to_day
),
habits as (
  select distinct tenant_id, user_id, habit_id from fresh
),
-- The six days before fill the first windows; the last row before carries the streak on.
kept as (
  select d.tenant_id, d.user_id, d.habit_id, d.day, d.kind, d.done, d.skipped, d.expected, d.streak
  from scope t
  join analytics.habit_days d
    on d.tenant_id = t.tenant_id and d.user_id = t.user_id and d.day < t.day_from and d.day >= t.day_from - 6
  where d.day >= :floor_day::date - 6 and d.day < (select max(day_from) from scope)
),
carried as (
  select h.tenant_id, h.user_id, h.habit_id, k.streak
  from habits h
  join scope t on t.tenant_id = h.tenant_id and t.user_id = h.user_id
  cross join lateral (
    select streak
    from analytics.habit_days d
    where d.tenant_id = h.tenant_id and d.user_id = h.user_id and d.habit_id = h.habit_id and d.day < t.day_from
    order by d.day desc
    limit 1
  ) k
),
days as (
  select tenant_id, user_id, habit_id, day, kind, done, skipped, expected, is_today, true as is_fresh from fresh
  union all
  select tenant_id, user_id, habit_id, day, kind, done, skipped, expected, false, false from kept
),
windows as (
  select *,
    -- only days on which it was n times a week: another kind of schedule before does not raise the target
    sum(expected) filter (where kind = 'times_per_week') over w as expected7,
    sum(done) filter (where kind = 'times_per_week' and not skipped) over w as done7
  from days
  window w as (
    partition by tenant_id, user_id, habit_id order by day range between interval '6 days' preceding and current row
  )
),
-- 1: kept, -1: missed, 0: nothing was expected, or the day is not over
judged as (
  select *,
    case
      when kind = 'weekdays' then case when expected = 0 then 0 when done > 0 then 1 when is_today then 0 else -1 end
      when skipped then 0
      when done7 >= expected7 - 1e-9 then 1
      when is_today then 0
      else -1
    end as verdict
  from windows
  where is_fresh
),
runs as (
  select *, count(*) filter (where verdict = -1) over (
    partition by tenant_id, user_id, habit_id order by day rows unbounded preceding
  ) as run
  from judged
),
rebuilt as materialized (
  select r.tenant_id, r.user_id, r.habit_id, r.day, r.kind, r.expected, r.done, r.skipped,
    (count(*) filter (where r.verdict = 1) over (
      partition by r.tenant_id, r.user_id, r.habit_id, r.run order by r.day rows unbounded preceding
    ) + case when r.run = 0 then coalesce(c.streak, 0) else 0 end)::integer as streak
  from runs r
  left join carried c on c.tenant_id = r.tenant_id and c.user_id = r.user_id and c.habit_id = r.habit_id
),
removed as (
  delete from analytics.habit_days d
  using scope t
  where d.tenant_id = t.tenant_id and d.user_id = t.user_id and d.day >= t.day_from and d.day >= :floor_day::date
    -- NOT IN is hashed whatever the planner expects; NOT EXISTS became a loop over all pairs
    and (d.tenant_id, d.user_id, d.habit_id, d.day) not in (
      select r.tenant_id, r.user_id, r.habit_id, r.day from rebuilt r
    )
  returning d.day
),
written as (
  insert into analytics.habit_days as d (tenant_id, user_id, habit_id, day, kind, expected, done, skipped, streak)
  select tenant_id, user_id, habit_id, day, kind, expected, done, skipped, streak from rebuilt
  on conflict (tenant_id, user_id, habit_id, day) do update set
    kind = excluded.kind, expected = excluded.expected, done = excluded.done, skipped = excluded.skipped,
    streak = excluded.streak
    where (d.kind, d.expected, d.done, d.skipped, d.streak)
      is distinct from (excluded.kind, excluded.expected, excluded.done, excluded.skipped, excluded.streak)
  returning d.day
)
select (select count(*) from removed)::integer as removed, (select count(*) from written)::integer as written
