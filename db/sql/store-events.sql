-- Stores one batch of events as their senders dated them: deduplicates, enriches, marks members dirty and late ranges touched.
-- Events of erased members are left out, in the same snapshot. It does not read analytics.events, so that one plan, made once per
-- connection, serves however many chunks there are. A tenant with events corrected for a sender's clock needs
-- ingest-events.sql: then nothing is stored here, and `corrected` says so.
-- Params: :tenant uuid, :timezone; arrays with a row per member, :user_ids, :member_hashes, :member_types (text that reads as
-- text[]), :first_at and :last_at (of the member's events); arrays with a row per event, :members (its member, counted from 1),
-- :event_ids, :occurred_at, :types, :session_ids, :subject_ids, :sources, :is_action, :properties, :content_hashes.
-- Returns accepted, corrected; erased (user ids) and stored ([{id, ms}], the identities) only when not all were stored.
with lookup as materialized (
  -- Its lock comes before anything is read or written (0031, 0034).
  select analytics.has_corrections(:tenant::uuid) as corrected
),
member as materialized (
  select m.i, m.user_id, m.types, m.first_at, h.plan, h.coach_id, h.valid_from,
    date_trunc('week', a.signup_day)::date as cohort_week, date_trunc('month', a.signup_day)::date as cohort_month
  from unnest(
    :user_ids::text[], :member_hashes::text[], :member_types::text[], :first_at::timestamptz[], :last_at::timestamptz[]
  ) with ordinality as m (user_id, hash, types, first_at, last_at, i)
  left join analytics.members a on a.tenant_id = :tenant::uuid and a.user_id = m.user_id
  left join lateral (
    select h.plan, h.coach_id, h.valid_from
    from analytics.member_history h
    where h.tenant_id = :tenant::uuid and h.user_id = m.user_id and h.valid_from <= m.last_at
    order by h.valid_from desc
    limit 1
  ) h on true
  where not (select corrected from lookup)
    and not exists (
      select from analytics.erased_members e where e.tenant_id = :tenant::uuid and e.member_hash = m.hash
    )
),
stored as (
  insert into analytics.events (
    tenant_id, event_id, occurred_at, local_hour, type, user_id, session_id, subject_id, source, is_action,
    plan, coach_id, cohort_week, cohort_month, properties, content_hash
  )
  select
    :tenant::uuid, e.event_id, e.occurred_at, date_trunc('hour', e.occurred_at at time zone :timezone), e.type, m.user_id,
    e.session_id, e.subject_id, e.source, e.is_action,
    coalesce(case when m.valid_from <= e.occurred_at then m.plan else earlier.plan end, ''),
    coalesce(case when m.valid_from <= e.occurred_at then m.coach_id else earlier.coach_id end, ''),
    m.cohort_week, m.cohort_month, e.properties, e.content_hash
  from unnest(
    :members::integer[], :event_ids::text[], :occurred_at::timestamptz[], :types::text[], :session_ids::text[],
    :subject_ids::text[], :sources::text[], :is_action::boolean[], :properties::jsonb[], :content_hashes::bigint[]
  ) with ordinality as e (
    member, event_id, occurred_at, type, session_id, subject_id, source, is_action, properties, content_hash, i
  )
  join member m on m.i = e.member
  -- looked for only when plan or coach changed between the member's events
  left join lateral (
    select h.plan, h.coach_id
    from analytics.member_history h
    where m.valid_from > e.occurred_at
      and h.tenant_id = :tenant::uuid and h.user_id = m.user_id and h.valid_from <= e.occurred_at
    order by h.valid_from desc
    limit 1
  ) earlier on true
  order by e.i
  on conflict (tenant_id, event_id, occurred_at) do nothing
  returning event_id, occurred_at, user_id
),
-- A member with anything new is marked for all that was sent: what was stored before only widens the fold.
dirty as (
  insert into analytics.dirty_members (tenant_id, user_id, types, since)
  select :tenant::uuid, user_id, types::text[], first_at
  from member
  where user_id in (select user_id from stored)
),
-- Rows of the running hour need no mark: the hour is materialised only after it has closed.
touched as (
  insert into analytics.touched_ranges (source, from_at, to_at, tenant_ids)
  select 'events', min(occurred_at), max(occurred_at), array[:tenant::uuid]
  from stored
  where occurred_at < date_trunc('hour', now())
  group by ()
  having count(*) > 0
),
counted as (
  select count(*)::integer as accepted, count(*) < cardinality(:event_ids::text[]) as incomplete from stored
)
select accepted, (select corrected from lookup) as corrected,
  case when incomplete then (
    select jsonb_agg(user_id) from unnest(:user_ids::text[]) as u (user_id) where user_id not in (select user_id from member)
  ) end as erased,
  case when incomplete then (
    select jsonb_agg(jsonb_build_object('id', event_id, 'ms', (extract(epoch from occurred_at) * 1000)::bigint)) from stored
  ) end as stored
from counted
