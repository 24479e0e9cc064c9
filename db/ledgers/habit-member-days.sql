-- Habit ledger, 3 of 3: the member's summary of each day over the 7 days up to it. score = 100 * (0.8 * done/expected +
-- 0.2 * (1 - 0.5^(streak/7))), streak = mean over the member's habits (design: metrics, habits). Dimensions: of the
-- day's end. Params: :scope jsonb [{tenant_id,user_id,day_from,today}], :floor_day date. Returns the touched range (days).
with scope as materialized (
  select * from jsonb_to_recordset(:scope::jsonb) as t (tenant_id uuid, user_id text, day_from date, today date)
),
habit_windows as (
  select d.tenant_id, d.user_id, d.habit_id, d.day, d.streak, d.done, t.day_from,
    sum(d.expected) over w as expected,
    coalesce(sum(least(d.done, d.expected)) filter (where d.kind = 'weekdays') over w, 0)
      + least(
        coalesce(sum(d.done) filter (where d.kind = 'times_per_week' and not d.skipped) over w, 0),
        coalesce(sum(d.expected) filter (where d.kind = 'times_per_week') over w, 0)
      ) as kept
  from scope t
  join analytics.habit_days d
    on d.tenant_id = t.tenant_id and d.user_id = t.user_id and d.day >= t.day_from - 6
  where d.day >= :floor_day::date - 6
  window w as (
    partition by d.tenant_id, d.user_id, d.habit_id order by d.day range between interval '6 days' preceding and current row
  )
),
summed as (
  -- In one order: sums of fractions differ in the last digit by it, and the same events must give the same rows.
  select tenant_id, user_id, day, count(*)::integer as habits, sum(expected order by habit_id) as expected,
    sum(kept order by habit_id) as done, avg(streak order by habit_id)::double precision as streak,
    sum(done)::integer as checked
  from habit_windows
  where day >= day_from
  group by tenant_id, user_id, day
  having sum(expected) > 0
),
rebuilt as materialized (
  select s.*, 100 * (0.8 * s.done / s.expected + 0.2 * (1 - power(0.5, s.streak / 7))) as score,
    coalesce(h.plan, '') as plan, coalesce(h.coach_id, '') as coach_id,
    date_trunc('week', m.signup_day)::date as cohort_week, date_trunc('month', m.signup_day)::date as cohort_month
  from summed s
  join analytics.tenants n on n.id = s.tenant_id
  left join analytics.members m on m.tenant_id = s.tenant_id and m.user_id = s.user_id
  left join lateral (
    select plan, coach_id
    from analytics.member_history h
    where h.tenant_id = s.tenant_id and h.user_id = s.user_id
      and h.valid_from < (s.day + 1)::timestamp at time zone n.timezone
    order by h.valid_from desc
    limit 1
  ) h on true
),
removed as (
  delete from analytics.habit_member_days d
  using scope t
  where d.tenant_id = t.tenant_id and d.user_id = t.user_id and d.day >= t.day_from and d.day >= :floor_day::date
    -- NOT IN is hashed whatever the planner expects; NOT EXISTS became a loop over all pairs
    and (d.tenant_id, d.user_id, d.day) not in (select r.tenant_id, r.user_id, r.day from rebuilt r)
  returning d.day
),
written as (
  insert into analytics.habit_member_days as d (
    tenant_id, user_id, day, habits, expected, done, streak, score, checked, plan, coach_id, cohort_week, cohort_month
  )
  select tenant_id, user_id, day, habits, expected, done, streak, score, checked, plan, coach_id, cohort_week, cohort_month
  from rebuilt
  on conflict (tenant_id, user_id, day) do update set
    habits = excluded.habits, expected = excluded.expected, done = excluded.done, streak = excluded.streak,
    score = excluded.score, checked = excluded.checked, plan = excluded.plan, coach_id = excluded.coach_id,
    cohort_week = excluded.cohort_week, cohort_month = excluded.cohort_month
    where (d.habits, d.expected, d.done, d.streak, d.score, d.checked, d.plan, d.coach_id, d.cohort_week, d.cohort_month)
      is distinct from (excluded.habits, excluded.expected, excluded.done, excluded.streak, excluded.score, excluded.checked,
      excluded.plan, excluded.coach_id, excluded.cohort_week, excluded.cohort_month)
  returning d.day
)
select min(day) as from_day, max(day) as to_day
from (select day from removed union all select day from written) touched
