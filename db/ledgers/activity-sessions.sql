-- Recomputes the sessions that an action at or after `since` may belong to, or start. A session is a run of actions with
-- one session_id ('' = none sent) whose gaps do not exceed session_gap; active seconds are its gaps of up to 5 minutes.
-- A session whose last counted action lies before `since` is continued from there; one that reaches further is counted anew.
-- Params: :scope jsonb [{tenant_id,user_id,since,session_gap}], timestamptz :since_floor (earliest since), :read_floor (no event
-- below it is needed) and :floor (no row below it changes).
with scope as materialized (
  select *
  from jsonb_to_recordset(:scope::jsonb) as t (tenant_id uuid, user_id text, since timestamptz, session_gap interval)
),
fresh as materialized (
  select t.tenant_id, t.user_id, coalesce(e.session_id, '') as session_id, e.occurred_at, t.session_gap
  from scope t
  cross join lateral (
    select session_id, occurred_at
    from analytics.events
    where tenant_id = t.tenant_id and user_id = t.user_id and occurred_at >= t.since
      and occurred_at >= :since_floor::timestamptz and is_action
    offset 0
  ) e
),
-- At most one session per session_id reaches `since` (two would be less than a gap apart). Those that end before it and of which
-- nothing is heard again stay as they are.
open_sessions as materialized (
  select s.tenant_id, s.user_id, s.session_id, s.started_at, s.ended_at, s.events, s.active_seconds, t.session_gap,
    t.since, s.ended_at < t.since as is_continued
  from scope t
  cross join lateral (
    select tenant_id, user_id, session_id, started_at, ended_at, events, active_seconds
    from analytics.sessions
    where tenant_id = t.tenant_id and user_id = t.user_id and started_at < t.since and ended_at >= t.since - t.session_gap
      and started_at >= :floor::timestamptz
    offset 0
  ) s
  -- within OR it is hashed whatever the planner expects
  where s.ended_at >= t.since
    or (s.tenant_id, s.user_id, s.session_id) in (select f.tenant_id, f.user_id, f.session_id from fresh f)
),
-- A session that is continued stands for all of its actions, at the time of the last one.
actions as (
  select tenant_id, user_id, session_id, ended_at as occurred_at, session_gap, started_at, events,
    active_seconds::numeric as active_seconds
  from open_sessions
  where is_continued
  union all
  select e.tenant_id, e.user_id, coalesce(e.session_id, ''), e.occurred_at, o.session_gap, e.occurred_at, 1, 0
  from open_sessions o
  cross join lateral (
    select tenant_id, user_id, session_id, occurred_at
    from analytics.events
    where tenant_id = o.tenant_id and user_id = o.user_id and occurred_at >= o.started_at and occurred_at < o.since
      and occurred_at >= :read_floor::timestamptz and is_action and coalesce(session_id, '') = o.session_id
    offset 0
  ) e
  where not o.is_continued
  union all
  select tenant_id, user_id, session_id, occurred_at, session_gap, occurred_at, 1, 0
  from fresh
),
spaced as (
  select *, occurred_at - lag(occurred_at) over (partition by tenant_id, user_id, session_id order by occurred_at) as gap
  from actions
),
numbered as (
  select *, count(*) filter (where gap is null or gap > session_gap) over (
    partition by tenant_id, user_id, session_id order by occurred_at rows unbounded preceding
  ) as nth
  from spaced
),
rebuilt as materialized (
  select tenant_id, user_id, session_id, min(started_at) as started_at, max(occurred_at) as ended_at,
    sum(events)::integer as events,
    -- numeric: exact, in whatever portions it is added up
    (sum(active_seconds)
      + coalesce(sum(extract(epoch from gap)) filter (where gap <= session_gap and gap <= interval '5 minutes'), 0)
    )::double precision as active_seconds
  from numbered
  group by tenant_id, user_id, session_id, nth
),
replaceable as (
  select tenant_id, user_id, session_id, started_at from open_sessions
  union all
  select s.tenant_id, s.user_id, s.session_id, s.started_at
  from scope t
  cross join lateral (
    select tenant_id, user_id, session_id, started_at
    from analytics.sessions
    where tenant_id = t.tenant_id and user_id = t.user_id and started_at >= t.since
      and started_at >= :since_floor::timestamptz
    offset 0
  ) s
),
obsolete as materialized (
  -- NOT IN is hashed whatever the planner expects; NOT EXISTS became a loop over all pairs
  select * from replaceable p
  where (p.tenant_id, p.user_id, p.session_id, p.started_at) not in (
    select r.tenant_id, r.user_id, r.session_id, r.started_at from rebuilt r
  )
),
removed as (
  delete from analytics.sessions s
  using obsolete o
  where s.tenant_id = o.tenant_id and s.user_id = o.user_id and s.session_id = o.session_id and s.started_at = o.started_at
    and s.started_at >= :floor::timestamptz
  returning 1
),
written as (
  insert into analytics.sessions as s (tenant_id, user_id, session_id, started_at, ended_at, events, active_seconds)
  select tenant_id, user_id, session_id, started_at, ended_at, events, active_seconds from rebuilt
  on conflict (tenant_id, user_id, session_id, started_at) do update
    set ended_at = excluded.ended_at, events = excluded.events, active_seconds = excluded.active_seconds
    where (s.ended_at, s.events, s.active_seconds) is distinct from (excluded.ended_at, excluded.events, excluded.active_seconds)
  returning 1
)
select (select count(*) from removed)::integer as removed, (select count(*) from written)::integer as written
