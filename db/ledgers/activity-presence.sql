-- Recomputes who enters and leaves the trailing 7- and 30-day windows from day_from on. An active day holds a member in
-- the window until the next active day or the window's end, under the dimensions of that day. Params: :scope jsonb
-- [{tenant_id,user_id,day_from}], :floor_day date (earliest day_from). Returns the touched range (days).
with scope as materialized (
  select * from jsonb_to_recordset(:scope::jsonb) as t (tenant_id uuid, user_id text, day_from date)
),
-- A stay that began more than 30 days before day_from has ended before it.
days as (
  select d.tenant_id, d.user_id, d.day, d.plan, d.coach_id, d.cohort_week, d.cohort_month, t.day_from,
    lead(d.day) over (partition by d.tenant_id, d.user_id order by d.day) as after
  from scope t
  cross join lateral (
    select *
    from analytics.member_days
    where tenant_id = t.tenant_id and user_id = t.user_id and day >= t.day_from - 30 and day >= :floor_day::date - 30
    offset 0
  ) d
),
steps as (
  select tenant_id, user_id, day_from, plan, coach_id, cohort_week, cohort_month, s.day, s.wau, s.mau
  from days d
  cross join lateral (values
    (d.day, 1, 1),
    (least(d.after, d.day + 7), -1, 0),
    (least(d.after, d.day + 30), 0, -1)
  ) as s (day, wau, mau)
),
rebuilt as materialized (
  select tenant_id, user_id, day, plan, coach_id, max(cohort_week) as cohort_week, max(cohort_month) as cohort_month,
    sum(wau)::smallint as wau_delta, sum(mau)::smallint as mau_delta
  from steps
  where day >= day_from
  group by tenant_id, user_id, day, plan, coach_id
  having sum(wau) <> 0 or sum(mau) <> 0
),
obsolete as materialized (
  select p.tenant_id, p.user_id, p.day, p.plan, p.coach_id
  from scope t
  cross join lateral (
    select tenant_id, user_id, day, plan, coach_id
    from analytics.presence
    where tenant_id = t.tenant_id and user_id = t.user_id and day >= t.day_from and day >= :floor_day::date
    offset 0
  ) p
  -- NOT IN is hashed whatever the planner expects; NOT EXISTS became a loop over all pairs
  where (p.tenant_id, p.user_id, p.day, p.plan, p.coach_id) not in (
    select r.tenant_id, r.user_id, r.day, r.plan, r.coach_id from rebuilt r
  )
),
removed as (
  delete from analytics.presence p
  using obsolete o
  where p.tenant_id = o.tenant_id and p.user_id = o.user_id and p.day = o.day and p.plan = o.plan and p.coach_id = o.coach_id
    and p.day >= :floor_day::date
  returning p.day
),
written as (
  insert into analytics.presence as p (
    tenant_id, user_id, day, plan, coach_id, cohort_week, cohort_month, wau_delta, mau_delta
  )
  select tenant_id, user_id, day, plan, coach_id, cohort_week, cohort_month, wau_delta, mau_delta from rebuilt
  on conflict (tenant_id, user_id, day, plan, coach_id) do update set
    cohort_week = excluded.cohort_week, cohort_month = excluded.cohort_month, wau_delta = excluded.wau_delta,
    mau_delta = excluded.mau_delta
    where (p.cohort_week, p.cohort_month, p.wau_delta, p.mau_delta)
      is distinct from (excluded.cohort_week, excluded.cohort_month, excluded.wau_delta, excluded.mau_delta)
  returning p.day
)
select min(day) as from_day, max(day) as to_day
from (select day from removed union all select day from written) touched
