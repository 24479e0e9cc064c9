-- Reply ledger: runs of waiting member messages and the coach's answers, from `since` on. Params: :touched jsonb
-- [{tenant_id,user_id,since}], :floor timestamptz. Returns the touched ranges of both tables.
with touched as materialized (
  select t.*, n.timezone, make_interval(hours => coalesce((n.settings ->> 'sla_hours')::integer, 24)) as sla
  from jsonb_to_recordset(:touched::jsonb) as t (tenant_id uuid, user_id text, since timestamptz)
  -- lateral with a limit: of a join with few tenants the planner would expect one row, and loop over all pairs
  cross join lateral (select settings, timezone from analytics.tenants where id = t.tenant_id limit 1) n
),
messages as (
  select e.tenant_id, e.user_id, e.subject_id as conversation_id, e.occurred_at, e.event_id,
    e.properties ->> 'sender' as sender, e.local_hour, e.plan,
    coalesce(case when e.properties ->> 'sender' = 'coach' then e.properties ->> 'coach_id' end, e.coach_id) as coach_id,
    e.cohort_week, e.cohort_month
  from touched t
  cross join lateral (
    select *
    from analytics.events
    where tenant_id = t.tenant_id and user_id = t.user_id and occurred_at >= t.since and occurred_at >= :floor::timestamptz
      and type = 'message_sent' and properties ->> 'sender' in ('member', 'coach')
    offset 0
  ) e
),
conversations as (
  select distinct m.tenant_id, m.user_id, m.conversation_id, t.since
  from messages m
  join touched t on t.tenant_id = m.tenant_id and t.user_id = m.user_id
),
-- A run that was waiting at `since`: answered later, or not yet.
openings as (
  select c.tenant_id, c.user_id, c.conversation_id, o.asked_at
  from conversations c
  join lateral (
    select asked_at
    from analytics.replies r
    where r.tenant_id = c.tenant_id and r.user_id = c.user_id and r.conversation_id = c.conversation_id
      and r.asked_at < c.since and r.replied_at >= c.since and r.replied_at >= :floor::timestamptz
    union all
    select asked_at
    from analytics.waiting_messages w
    where w.tenant_id = c.tenant_id and w.user_id = c.user_id and w.conversation_id = c.conversation_id
      and w.asked_at < c.since
    limit 1
  ) o on true
),
steps as (
  select tenant_id, user_id, conversation_id, asked_at as at, '' as event_id, 'member' as sender, null::timestamp as local_hour,
    null as plan, null as coach_id, null::date as cohort_week, null::date as cohort_month
  from openings
  union all
  select tenant_id, user_id, conversation_id, occurred_at, event_id, sender, local_hour, plan, coach_id, cohort_week, cohort_month
  from messages
),
-- A coach message closes the run it belongs to; of equal instants the question comes first.
numbered as (
  select *, count(*) filter (where sender = 'coach') over (
    partition by tenant_id, user_id, conversation_id order by at, sender desc, event_id
    rows between unbounded preceding and 1 preceding
  ) as run
  from steps
),
runs as (
  select tenant_id, user_id, conversation_id, run,
    min(at) filter (where sender = 'member') as asked_at,
    (array_agg(plan order by at desc, event_id) filter (where plan is not null))[1] as plan,
    (array_agg(cohort_week order by at desc, event_id) filter (where plan is not null))[1] as cohort_week,
    (array_agg(cohort_month order by at desc, event_id) filter (where plan is not null))[1] as cohort_month,
    max(at) filter (where sender = 'coach') as replied_at,
    max(coach_id) filter (where sender = 'coach') as reply_coach,
    max(local_hour) filter (where sender = 'coach') as local_hour
  from numbered
  group by tenant_id, user_id, conversation_id, run
  having min(at) filter (where sender = 'member') is not null
),
timed as materialized (
  select r.*, t.sla, t.timezone, t.since,
    coalesce(m.plan, '') as asked_plan, coalesce(m.coach_id, '') as asked_coach, m.cohort_week as member_week, m.cohort_month as member_month,
    extract(epoch from r.replied_at - r.asked_at)::double precision as seconds
  from runs r
  join touched t on t.tenant_id = r.tenant_id and t.user_id = r.user_id
  left join lateral (
    select h.plan, h.coach_id, date_trunc('week', u.signup_day)::date as cohort_week, date_trunc('month', u.signup_day)::date as cohort_month
    from analytics.members u
    left join lateral (
      select plan, coach_id from analytics.member_history h
      where h.tenant_id = u.tenant_id and h.user_id = u.user_id and h.valid_from <= r.asked_at
      order by h.valid_from desc limit 1
    ) h on true
    where u.tenant_id = r.tenant_id and u.user_id = r.user_id
  ) m on true
),
removed_replies as (
  delete from analytics.replies r
  using conversations c
  where r.tenant_id = c.tenant_id and r.user_id = c.user_id and r.conversation_id = c.conversation_id
    and r.replied_at >= c.since and r.replied_at >= :floor::timestamptz
    -- NOT IN is hashed whatever the planner expects; NOT EXISTS became a loop over all pairs
    and (r.tenant_id, r.user_id, r.conversation_id, r.replied_at) not in (
      select n.tenant_id, n.user_id, n.conversation_id, n.replied_at from timed n where n.replied_at is not null
    )
  returning r.replied_at
),
written_replies as (
  insert into analytics.replies as r (
    tenant_id, user_id, conversation_id, asked_at, replied_at, local_hour, hour, seconds, within_sla, plan, coach_id,
    cohort_week, cohort_month
  )
  select tenant_id, user_id, conversation_id, asked_at, replied_at, local_hour,
    replied_at - ((replied_at at time zone timezone) - date_trunc('hour', replied_at at time zone timezone)), seconds,
    replied_at - asked_at <= sla, coalesce(plan, ''), coalesce(reply_coach, ''), cohort_week, cohort_month
  from timed
  where replied_at is not null
  on conflict (tenant_id, user_id, conversation_id, replied_at) do update set
    asked_at = excluded.asked_at, local_hour = excluded.local_hour, hour = excluded.hour, seconds = excluded.seconds,
    within_sla = excluded.within_sla, plan = excluded.plan, coach_id = excluded.coach_id,
    cohort_week = excluded.cohort_week, cohort_month = excluded.cohort_month
    where (r.asked_at, r.local_hour, r.seconds, r.within_sla, r.plan, r.coach_id, r.cohort_week)
      is distinct from (excluded.asked_at, excluded.local_hour, excluded.seconds, excluded.within_sla, excluded.plan,
      excluded.coach_id, excluded.cohort_week)
  returning r.replied_at
),
removed_waiting as (
  delete from analytics.waiting_messages w
  using conversations c
  where w.tenant_id = c.tenant_id and w.user_id = c.user_id and w.conversation_id = c.conversation_id
    -- NOT IN is hashed whatever the planner expects; NOT EXISTS became a loop over all pairs
    and (w.tenant_id, w.user_id, w.conversation_id) not in (
      select n.tenant_id, n.user_id, n.conversation_id from timed n where n.replied_at is null
    )
),
written_waiting as (
  insert into analytics.waiting_messages as w (tenant_id, user_id, conversation_id, asked_at, coach_id)
  select tenant_id, user_id, conversation_id, asked_at, asked_coach from timed where replied_at is null
  on conflict (tenant_id, user_id, conversation_id) do update set asked_at = excluded.asked_at, coach_id = excluded.coach_id
    where (w.asked_at, w.coach_id) is distinct from (excluded.asked_at, excluded.coach_id)
),
-- Both rows of a late run count under the coach and plan of the asking, so that they cancel out in every group.
lateness as materialized (
  select n.tenant_id, n.user_id, n.conversation_id, s.at, s.delta, (s.at at time zone n.timezone)::date as day,
    n.asked_plan as plan, n.asked_coach as coach_id, n.member_week as cohort_week, n.member_month as cohort_month
  from timed n
  cross join lateral (values (n.asked_at + n.sla, 1), (n.replied_at, -1)) as s (at, delta)
  where (n.replied_at is null or n.replied_at > n.asked_at + n.sla) and s.at is not null
),
removed_lateness as (
  delete from analytics.sla_changes s
  using conversations c
  where s.tenant_id = c.tenant_id and s.user_id = c.user_id and s.conversation_id = c.conversation_id
    and s.at >= c.since and s.at >= :floor::timestamptz
    -- runs that were answered before `since` keep the row at which they became late
    -- NOT IN is hashed whatever the planner expects; NOT EXISTS became a loop over all pairs
    and (s.tenant_id, s.user_id, s.conversation_id, s.at, s.delta) not in (
      select l.tenant_id, l.user_id, l.conversation_id, l.at, l.delta from lateness l
    )
  returning s.at
),
written_lateness as (
  insert into analytics.sla_changes as s (
    tenant_id, user_id, conversation_id, at, delta, day, plan, coach_id, cohort_week, cohort_month
  )
  select tenant_id, user_id, conversation_id, at, delta, day, plan, coach_id, cohort_week, cohort_month from lateness
  on conflict (tenant_id, user_id, conversation_id, at, delta) do update set
    day = excluded.day, plan = excluded.plan, coach_id = excluded.coach_id, cohort_week = excluded.cohort_week,
    cohort_month = excluded.cohort_month
    where (s.day, s.plan, s.coach_id, s.cohort_week) is distinct from (excluded.day, excluded.plan, excluded.coach_id, excluded.cohort_week)
  returning s.at
)
select 'replies' as source, min(at) as from_at, max(at) as to_at
from (select replied_at as at from removed_replies union all select replied_at from written_replies) r
union all
select 'sla_changes', min(at), max(at)
from (select at from removed_lateness union all select at from written_lateness) s
