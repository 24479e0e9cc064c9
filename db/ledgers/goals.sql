-- Recomputes the state changes of the touched members' goals from `since` on. A change of a goal nobody saw being created
-- counts as creating it. Params: :touched jsonb [{tenant_id,user_id,since}], :floor timestamptz. Returns the touched range.
with touched as materialized (
  select * from jsonb_to_recordset(:touched::jsonb) as t (tenant_id uuid, user_id text, since timestamptz)
),
changes as (
  select e.tenant_id, e.user_id, e.subject_id as goal_id, e.occurred_at, e.event_id, e.local_hour,
    substr(e.type, 6) as change, e.plan, e.coach_id, e.cohort_week, e.cohort_month
  from touched t
  cross join lateral (
    select *
    from analytics.events
    where tenant_id = t.tenant_id and user_id = t.user_id and occurred_at >= t.since and occurred_at >= :floor::timestamptz
      and type in ('goal_created', 'goal_completed', 'goal_abandoned', 'goal_reopened')
    offset 0
  ) e
),
goals as (
  select distinct tenant_id, user_id, goal_id from changes
),
-- The state before `since`: the last ledger row, else what retention kept of it.
openings as (
  select g.tenant_id, g.user_id, g.goal_id, o.state, o.plan, o.coach_id, o.cohort_week, o.cohort_month
  from goals g
  join touched t on t.tenant_id = g.tenant_id and t.user_id = g.user_id
  join lateral (
    select state, plan, coach_id, cohort_week, cohort_month, occurred_at, event_id
    from analytics.goal_changes c
    where c.tenant_id = g.tenant_id and c.user_id = g.user_id and c.goal_id = g.goal_id and c.occurred_at < t.since
    union all
    select o.state ->> 'state', o.state ->> 'plan', o.state ->> 'coach_id', (o.state ->> 'cohort_week')::date,
      (o.state ->> 'cohort_month')::date, o.as_of, ''
    from analytics.ledger_openings o
    where o.kind = 'goal' and o.tenant_id = g.tenant_id and o.user_id = g.user_id and o.key = g.goal_id and o.as_of < t.since
    order by occurred_at desc, event_id desc
    limit 1
  ) o on true
),
steps as (
  select tenant_id, user_id, goal_id, '-infinity'::timestamptz as at, '' as event_id, null::timestamp as local_hour,
    case state when 'open' then 'created' else state end as change, plan, coach_id, cohort_week, cohort_month
  from openings
  union all
  select tenant_id, user_id, goal_id, occurred_at, event_id, local_hour, change, plan, coach_id, cohort_week, cohort_month
  from changes
),
folded as (
  select *,
    case change when 'created' then 0 when 'reopened' then 1 else 2 end as precedence,
    analytics.goal_state(change) over w as state
  from steps
  window w as (
    partition by tenant_id, user_id, goal_id
    order by at, case change when 'created' then 0 when 'reopened' then 1 else 2 end, event_id
    rows unbounded preceding
  )
),
moved as (
  select *, lag(state, 1, 'none') over (partition by tenant_id, user_id, goal_id order by at, precedence, event_id) as previous
  from folded
),
counted as (
  select *,
    (previous = 'none')::integer as created,
    (previous in ('completed', 'abandoned') and (state = 'open' or (previous = 'abandoned' and state = 'completed')))::integer
      as reopened
  from moved
  where state <> previous
),
-- Every change belongs to the group in which the goal was opened.
spells as (
  select *, sum(created + reopened) over (
    partition by tenant_id, user_id, goal_id order by at, precedence, event_id rows unbounded preceding
  ) as spell
  from counted
),
rebuilt as materialized (
  select tenant_id, user_id, goal_id, at as occurred_at, event_id, local_hour, state, created, reopened,
    (state = 'completed')::integer as completed, (state = 'abandoned')::integer as abandoned,
    (state = 'open')::integer - (previous = 'open')::integer as open_delta,
    first_value(plan) over s as plan, first_value(coach_id) over s as coach_id,
    first_value(cohort_week) over s as cohort_week, first_value(cohort_month) over s as cohort_month
  from spells
  window s as (partition by tenant_id, user_id, goal_id, spell order by at, precedence, event_id)
),
removed as (
  delete from analytics.goal_changes c
  using touched t
  where c.tenant_id = t.tenant_id and c.user_id = t.user_id and c.occurred_at >= t.since
    and c.occurred_at >= :floor::timestamptz
    -- NOT IN is hashed whatever the planner expects; NOT EXISTS became a loop over all pairs
    and (c.tenant_id, c.user_id, c.goal_id, c.occurred_at, c.event_id) not in (
      select r.tenant_id, r.user_id, r.goal_id, r.occurred_at, r.event_id from rebuilt r
    )
  returning c.occurred_at
),
written as (
  insert into analytics.goal_changes as c (
    tenant_id, user_id, goal_id, occurred_at, event_id, local_hour, state, created, reopened, completed, abandoned,
    open_delta, plan, coach_id, cohort_week, cohort_month
  )
  select tenant_id, user_id, goal_id, occurred_at, event_id, local_hour, state, created, reopened, completed, abandoned,
    open_delta, plan, coach_id, cohort_week, cohort_month
  from rebuilt
  where occurred_at > '-infinity'
  on conflict (tenant_id, user_id, goal_id, occurred_at, event_id) do update set
    state = excluded.state, created = excluded.created, reopened = excluded.reopened, completed = excluded.completed,
    abandoned = excluded.abandoned, open_delta = excluded.open_delta, plan = excluded.plan, coach_id = excluded.coach_id,
    cohort_week = excluded.cohort_week, cohort_month = excluded.cohort_month
    where (c.state, c.created, c.reopened, c.completed, c.abandoned, c.open_delta, c.plan, c.coach_id, c.cohort_week,
      c.cohort_month) is distinct from (excluded.state, excluded.created, excluded.reopened, excluded.completed,
      excluded.abandoned, excluded.open_delta, excluded.plan, excluded.coach_id, excluded.cohort_week, excluded.cohort_month)
  returning c.occurred_at
)
select min(occurred_at) as from_at, max(occurred_at) as to_at
from (select occurred_at from removed union all select occurred_at from written) touched
