-- Nudge ledger, 1 of 2: nudges delivered in the 24 hours before `since` or later, and what followed each. One action can
-- serve several nudges. A day of events is read of those only who were nudged in it. Params: :touched jsonb [{tenant_id,user_id,since}], :floor timestamptz (earliest since - 24 h).
-- Returns the touched range.
with touched as materialized (
  select t.tenant_id, t.user_id, t.since - interval '24 hours' as from_at, n.timezone
  from jsonb_to_recordset(:touched::jsonb) as t (tenant_id uuid, user_id text, since timestamptz)
  -- lateral with a limit: of a join with few tenants the planner would expect one row, and loop over all pairs
  cross join lateral (select timezone from analytics.tenants where id = t.tenant_id limit 1) n
  where exists (
      select from analytics.nudges s
      where s.tenant_id = t.tenant_id and s.user_id = t.user_id and s.sent_at >= t.since - interval '24 hours'
        and s.sent_at >= :floor::timestamptz
    )
    or exists (
      select from analytics.events e
      where e.tenant_id = t.tenant_id and e.user_id = t.user_id and e.type = 'nudge_sent' and e.occurred_at >= t.since
        and e.occurred_at >= :floor::timestamptz
    )
),
-- A nudge sent twice counts from its first delivery.
sent as materialized (
  select distinct on (e.tenant_id, e.user_id, e.subject_id)
    e.tenant_id, e.user_id, e.subject_id as nudge_id, e.occurred_at as sent_at, e.local_hour,
    e.occurred_at - ((e.occurred_at at time zone t.timezone) - date_trunc('hour', e.occurred_at at time zone t.timezone)) as hour,
    coalesce(e.properties ->> 'persona', '') as persona, coalesce(e.properties ->> 'channel', '') as channel,
    e.plan, e.coach_id, e.cohort_week, e.cohort_month
  from touched t
  cross join lateral (
    select *
    from analytics.events
    where tenant_id = t.tenant_id and user_id = t.user_id and occurred_at >= t.from_at and occurred_at >= :floor::timestamptz
      and type = 'nudge_sent'
    offset 0
  ) e
  where not exists (
      select from analytics.nudges n
      where n.tenant_id = t.tenant_id and n.user_id = t.user_id and n.nudge_id = e.subject_id and n.sent_at < t.from_at
    )
  order by e.tenant_id, e.user_id, e.subject_id, e.occurred_at, e.event_id
),
responses as materialized (
  select e.tenant_id, e.user_id, e.occurred_at, e.type, e.subject_id
  from touched t
  cross join lateral (
    select *
    from analytics.events
    where tenant_id = t.tenant_id and user_id = t.user_id and occurred_at >= t.from_at and occurred_at >= :floor::timestamptz
      and is_action
      and type in ('session_started', 'habit_checked', 'goal_created', 'goal_progressed', 'goal_completed', 'message_sent',
        'nudge_opened', 'nudge_acted')
    offset 0
  ) e
),
-- Nudges and qualifying actions on one line of time: is there an action in the 24 hours after the nudge?
timeline as (
  select tenant_id, user_id, sent_at as at, nudge_id, 0 as actions from sent
  union all
  select tenant_id, user_id, occurred_at, null, 1 from responses where type not in ('nudge_opened', 'nudge_acted')
),
following as materialized (
  select tenant_id, user_id, nudge_id,
    sum(actions) over (
      partition by tenant_id, user_id order by at
      range between interval '1 microsecond' following and interval '24 hours' following
    ) as actions
  from timeline
),
-- The planner expects one row of everything here: what is read more than once is materialized, or it would be computed
-- again for every nudge.
opens as materialized (
  select tenant_id, user_id, subject_id, occurred_at from responses where type in ('nudge_opened', 'nudge_acted')
),
opened as materialized (
  select distinct s.tenant_id, s.user_id, s.nudge_id
  from sent s
  join opens o on o.tenant_id = s.tenant_id and o.user_id = s.user_id and o.subject_id = s.nudge_id
  where o.occurred_at > s.sent_at and o.occurred_at <= s.sent_at + interval '24 hours'
),
rebuilt as materialized (
  select s.*, coalesce(f.actions, 0) > 0 as followed, o.nudge_id is not null as direct
  from sent s
  join following f on f.tenant_id = s.tenant_id and f.user_id = s.user_id and f.nudge_id = s.nudge_id
  left join opened o on o.tenant_id = s.tenant_id and o.user_id = s.user_id and o.nudge_id = s.nudge_id
),
removed as (
  delete from analytics.nudges n
  using touched t
  where n.tenant_id = t.tenant_id and n.user_id = t.user_id and n.sent_at >= t.from_at and n.sent_at >= :floor::timestamptz
    -- NOT IN is hashed whatever the planner expects; NOT EXISTS became a loop over all pairs
    and (n.tenant_id, n.user_id, n.nudge_id, n.sent_at) not in (
      select r.tenant_id, r.user_id, r.nudge_id, r.sent_at from rebuilt r
    )
  returning n.sent_at
),
written as (
  insert into analytics.nudges as n (
    tenant_id, user_id, nudge_id, sent_at, local_hour, hour, persona, channel, followed, direct, plan, coach_id,
    cohort_week, cohort_month
  )
  select tenant_id, user_id, nudge_id, sent_at, local_hour, hour, persona, channel, followed, direct, plan, coach_id,
    cohort_week, cohort_month
  from rebuilt
  on conflict (tenant_id, user_id, nudge_id, sent_at) do update set
    persona = excluded.persona, channel = excluded.channel, followed = excluded.followed, direct = excluded.direct,
    plan = excluded.plan, coach_id = excluded.coach_id, cohort_week = excluded.cohort_week, cohort_month = excluded.cohort_month
    where (n.persona, n.channel, n.followed, n.direct, n.plan, n.coach_id, n.cohort_week)
      is distinct from (excluded.persona, excluded.channel, excluded.followed, excluded.direct, excluded.plan,
      excluded.coach_id, excluded.cohort_week)
  returning n.sent_at
)
select min(sent_at) as from_at, max(sent_at) as to_at
from (select sent_at from removed union all select sent_at from written) touched
