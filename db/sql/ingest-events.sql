-- Stores one batch of a tenant who has events corrected for a sender's clock (all others: store-events.sql): places them,
-- deduplicates, enriches, marks members dirty and late ranges touched. Events of erased members are left out, in the same
-- snapshot. Params: :tenant uuid, :timezone, :members jsonb [{user_id,hash}], :events jsonb [{event_id,claimed_at,
-- corrected_at,type,user_id,session_id,subject_id,source,is_action,properties,content_hash}], :skewed boolean (the sender's
-- clock was off: all have corrected_at, otherwise none has), :min_at and :max_at timestamptz bounding every instant in it (so
-- that only those chunks are planned). Returns accepted, duplicates [{i,conflict}], erased [i], each i counted from 1.
with erased as materialized (
  select m.user_id
  from jsonb_to_recordset(:members::jsonb) as m (user_id text, hash text)
  join analytics.erased_members e on e.tenant_id = :tenant::uuid and e.member_hash = m.hash
),
sent as materialized (
  select *
  from rows from (jsonb_to_recordset(:events::jsonb) as (
    event_id text, claimed_at timestamptz, corrected_at timestamptz, type text, user_id text, session_id text,
    subject_id text, source text, is_action boolean, properties jsonb, content_hash bigint
  )) with ordinality as x (
    event_id, claimed_at, corrected_at, type, user_id, session_id, subject_id, source, is_action, properties, content_hash, i
  )
),
-- Either lock comes before anything is read or written (0031): the other kind of sender of the same identity waits.
uncorrected as materialized (
  select u.* from analytics.stored_uncorrected(
    :tenant::uuid,
    case when :skewed::boolean then (select array_agg(event_id order by i) from sent) end,
    case when :skewed::boolean then (select array_agg(claimed_at order by i) from sent) end
  ) u
),
lookup as materialized (
  select case when :skewed::boolean then false else analytics.has_corrections(:tenant::uuid) end as wanted
),
-- an identity may be in the batch twice
known as materialized (
  select distinct k.* from analytics.known_corrections(
    :tenant::uuid,
    case when (select wanted from lookup) then (select array_agg(event_id order by i) from sent) end,
    case when (select wanted from lookup) then (select array_agg(claimed_at order by i) from sent) end
  ) k
),
-- The first correction of an identity is the one that counts; "do update" makes a concurrent sender wait for and read it.
corrected as (
  insert into analytics.event_corrections (tenant_id, event_id, claimed_at, occurred_at)
  select distinct on (event_id, claimed_at) :tenant::uuid, event_id, claimed_at, corrected_at
  from sent
  where :skewed::boolean
    -- NOT IN is hashed whatever the planner expects
    and (event_id, claimed_at) not in (select u.event_id, u.claimed_at from uncorrected u)
    and user_id not in (select user_id from erased)
  order by event_id, claimed_at, i
  on conflict (tenant_id, event_id, claimed_at) do update set claimed_at = excluded.claimed_at
  returning event_id, claimed_at, occurred_at
),
placed as materialized (
  select s.i, s.event_id, s.claimed_at, s.type, s.user_id, s.session_id, s.subject_id, s.source, s.is_action,
    s.properties, s.content_hash,
    -- skewed but not corrected: the identity is already stored uncorrected, so this one is its duplicate
    coalesce(c.occurred_at, known.occurred_at, s.claimed_at) as occurred_at
  from sent s
  left join corrected c on c.event_id = s.event_id and c.claimed_at = s.claimed_at
  left join known on known.event_id = s.event_id and known.claimed_at = s.claimed_at
  where s.user_id not in (select user_id from erased)
),
stored as (
  insert into analytics.events (
    tenant_id, event_id, occurred_at, claimed_at, local_hour, type, user_id, session_id, subject_id, source, is_action,
    plan, coach_id, cohort_week, cohort_month, properties, content_hash
  )
  select
    :tenant::uuid, p.event_id, p.occurred_at, nullif(p.claimed_at, p.occurred_at),
    date_trunc('hour', p.occurred_at at time zone :timezone), p.type, p.user_id, p.session_id, p.subject_id, p.source,
    p.is_action, coalesce(h.plan, ''), coalesce(h.coach_id, ''), date_trunc('week', m.signup_day)::date,
    date_trunc('month', m.signup_day)::date, p.properties, p.content_hash
  from placed p
  left join analytics.members m on m.tenant_id = :tenant::uuid and m.user_id = p.user_id
  left join lateral (
    select plan, coach_id
    from analytics.member_history h
    where h.tenant_id = :tenant::uuid and h.user_id = p.user_id and h.valid_from <= p.occurred_at
    order by h.valid_from desc
    limit 1
  ) h on true
  order by p.i
  on conflict (tenant_id, event_id, occurred_at) do nothing
  returning event_id, occurred_at, user_id, type
),
dirty as (
  insert into analytics.dirty_members (tenant_id, user_id, types, since)
  select :tenant::uuid, user_id, array_agg(distinct type), min(occurred_at)
  from stored
  group by user_id
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
-- Looked at only when something was sent twice.
ranked as (
  select p.i, p.event_id, p.occurred_at, p.content_hash,
    first_value(p.content_hash) over same as first_hash, row_number() over same as nth
  from placed p
  where (select count(*) from stored) < (select count(*) from placed)
  window same as (partition by p.event_id, p.occurred_at order by p.i)
),
duplicates as (
  select r.i, r.content_hash <> coalesce(e.content_hash, case when r.nth > 1 then r.first_hash end, r.content_hash) as conflict
  from ranked r
  left join stored s on s.event_id = r.event_id and s.occurred_at = r.occurred_at
  -- "limit" keeps it a look-up per row: joined, all of the tenant's events in the batch's span would be read
  left join lateral (
    select e.content_hash
    from analytics.events e
    where s.event_id is null and e.tenant_id = :tenant::uuid and e.event_id = r.event_id and e.occurred_at = r.occurred_at
      and e.occurred_at between :min_at::timestamptz and :max_at::timestamptz
    limit 1
  ) e on true
  where s.event_id is null or r.nth > 1
)
select
  (select count(*)::integer from stored) as accepted,
  coalesce((select jsonb_agg(jsonb_build_object('i', i, 'conflict', conflict) order by i) from duplicates), '[]') as duplicates,
  coalesce((select jsonb_agg(s.i) from sent s join erased e using (user_id)), '[]') as erased
