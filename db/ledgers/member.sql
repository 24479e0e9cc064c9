-- Member ledger: plan and coach over time, and when the member signed up. Params: :touched jsonb [{tenant_id,user_id,since}],
-- :floor timestamptz (earliest since). Returns the members whose dimensions changed: tenant_id, user_id, since.
with touched as materialized (
  select t.tenant_id, t.user_id, t.since, n.timezone
  from jsonb_to_recordset(:touched::jsonb) as t (tenant_id uuid, user_id text, since timestamptz)
  -- lateral with a limit: of a join with few tenants the planner would expect one row, and loop over all pairs
  cross join lateral (select timezone from analytics.tenants where id = t.tenant_id limit 1) n
),
-- "offset 0", here and in the other ledgers: one index look-up per member. The planner knows nothing of the newest rows, expects
-- one at most, and would loop over all pairs.
seen as materialized (
  select t.tenant_id, t.user_id,
    min(e.occurred_at) as first_event_at,
    min(e.occurred_at) filter (where e.type = 'signed_up') as signed_up_at,
    min(e.occurred_at) filter (where e.is_action) as first_action_at
  from touched t
  cross join lateral (
    select tenant_id, user_id, occurred_at, type, is_action
    from analytics.events
    where tenant_id = t.tenant_id and user_id = t.user_id and occurred_at >= t.since and occurred_at >= :floor::timestamptz
    offset 0
  ) e
  group by 1, 2
),
-- History rows from `since` on are rebuilt from the profile events; the row before carries its values forward.
profile as materialized (
  select e.tenant_id, e.user_id, e.occurred_at, e.event_id,
    e.properties ->> 'plan' as plan, e.properties ->> 'coach_id' as coach_id,
    case when e.type = 'signed_up' then e.properties ->> 'signup_source' end as signup_source
  from touched t
  cross join lateral (
    select tenant_id, user_id, occurred_at, event_id, type, properties
    from analytics.events
    where tenant_id = t.tenant_id and user_id = t.user_id and occurred_at >= t.since and occurred_at >= :floor::timestamptz
      and type in ('signed_up', 'profile_changed')
    offset 0
  ) e
),
opening as (
  select t.tenant_id, t.user_id, h.plan, h.coach_id
  from touched t
  join lateral (
    select plan, coach_id
    from analytics.member_history h
    where h.tenant_id = t.tenant_id and h.user_id = t.user_id and h.valid_from < t.since
    order by h.valid_from desc
    limit 1
  ) h on true
),
steps as (
  select tenant_id, user_id, '-infinity'::timestamptz as at, '' as event_id, plan, coach_id from opening
  union all
  select tenant_id, user_id, occurred_at, event_id, plan, coach_id from profile
),
-- last known value: null leaves it as it was. The array keeps the position, so later values win.
numbered as (
  select *,
    count(plan) over w as plan_no,
    count(coach_id) over w as coach_no
  from steps
  window w as (partition by tenant_id, user_id order by at, event_id)
),
filled as (
  select tenant_id, user_id, at, event_id,
    coalesce(max(plan) over (partition by tenant_id, user_id, plan_no), '') as plan,
    coalesce(max(coach_id) over (partition by tenant_id, user_id, coach_no), '') as coach_id
  from numbered
),
rebuilt as materialized (
  select distinct on (tenant_id, user_id, at) tenant_id, user_id, at as valid_from, plan, coach_id
  from filled
  where at > '-infinity'
  order by tenant_id, user_id, at, event_id desc
),
removed as (
  delete from analytics.member_history h
  using touched t
  where h.tenant_id = t.tenant_id and h.user_id = t.user_id and h.valid_from >= t.since
    -- NOT IN is hashed whatever the planner expects; NOT EXISTS became a loop over all pairs
    and (h.tenant_id, h.user_id, h.valid_from) not in (select r.tenant_id, r.user_id, r.valid_from from rebuilt r)
  returning h.tenant_id, h.user_id, h.valid_from
),
written as (
  insert into analytics.member_history as h (tenant_id, user_id, valid_from, plan, coach_id)
  select tenant_id, user_id, valid_from, plan, coach_id from rebuilt
  on conflict (tenant_id, user_id, valid_from) do update set plan = excluded.plan, coach_id = excluded.coach_id
    where (h.plan, h.coach_id) is distinct from (excluded.plan, excluded.coach_id)
  returning h.tenant_id, h.user_id, h.valid_from
),
before as materialized (
  select m.* from touched t join analytics.members m on m.tenant_id = t.tenant_id and m.user_id = t.user_id
),
merged as materialized (
  select t.tenant_id, t.user_id, t.timezone,
    least(b.first_event_at, s.first_event_at) as first_event_at,
    least(b.signed_up_event_at, s.signed_up_at) as signed_up_event_at,
    least(b.first_action_at, s.first_action_at) as first_action_at,
    b.signup_day as known_day, b.signed_up_event_at as known_event_at, b.first_action_at as known_action_at,
    b.signup_source
  from touched t
  left join before b on b.tenant_id = t.tenant_id and b.user_id = t.user_id
  left join seen s on s.tenant_id = t.tenant_id and s.user_id = t.user_id
),
-- The day is stamped once per instant: changing the tenant's zone later moves nobody to another cohort.
dated as materialized (
  select m.*,
    coalesce(m.signed_up_event_at, m.first_action_at) as signed_up_at,
    case
      when coalesce(m.signed_up_event_at, m.first_action_at) = coalesce(m.known_event_at, m.known_action_at) then m.known_day
      else (coalesce(m.signed_up_event_at, m.first_action_at) at time zone m.timezone)::date
    end as signup_day
  from merged m
),
-- Plan and coach at signing up: the latest history row at that instant (rebuilt rows are not yet in the table).
at_signup as (
  select d.tenant_id, d.user_id, h.plan, h.coach_id
  from dated d
  join lateral (
    select valid_from, plan, coach_id
    from (
      select valid_from, plan, coach_id from rebuilt r where r.tenant_id = d.tenant_id and r.user_id = d.user_id
      union all
      select h.valid_from, h.plan, h.coach_id
      from analytics.member_history h
      join touched t on t.tenant_id = h.tenant_id and t.user_id = h.user_id and h.valid_from < t.since
      where h.tenant_id = d.tenant_id and h.user_id = d.user_id
    ) h
    where valid_from <= d.signed_up_at
    order by valid_from desc
    limit 1
  ) h on true
),
sources as (
  select distinct on (p.tenant_id, p.user_id) p.tenant_id, p.user_id, p.signup_source
  from profile p
  join dated d on d.tenant_id = p.tenant_id and d.user_id = p.user_id and d.signed_up_event_at = p.occurred_at
  where p.signup_source is not null
  order by p.tenant_id, p.user_id, p.event_id
),
members as (
  insert into analytics.members as m (
    tenant_id, user_id, first_event_at, signed_up_event_at, first_action_at, signup_day, signup_source, signup_plan,
    signup_coach_id
  )
  select d.tenant_id, d.user_id, d.first_event_at, d.signed_up_event_at, d.first_action_at, d.signup_day,
    coalesce(s.signup_source, case when d.signed_up_event_at = d.known_event_at then d.signup_source end, ''),
    coalesce(a.plan, ''), coalesce(a.coach_id, '')
  from dated d
  left join at_signup a on a.tenant_id = d.tenant_id and a.user_id = d.user_id
  left join sources s on s.tenant_id = d.tenant_id and s.user_id = d.user_id
  on conflict (tenant_id, user_id) do update set
    first_event_at = excluded.first_event_at, signed_up_event_at = excluded.signed_up_event_at, first_action_at = excluded.first_action_at,
    signup_day = excluded.signup_day, signup_source = excluded.signup_source,
    signup_plan = excluded.signup_plan, signup_coach_id = excluded.signup_coach_id
    where (m.first_event_at, m.signed_up_event_at, m.first_action_at, m.signup_day, m.signup_source, m.signup_plan,
      m.signup_coach_id) is distinct from (excluded.first_event_at, excluded.signed_up_event_at, excluded.first_action_at,
      excluded.signup_day, excluded.signup_source, excluded.signup_plan, excluded.signup_coach_id)
  returning m.tenant_id, m.user_id, m.signup_day, m.signup_plan, m.signup_coach_id
),
coaches as (
  insert into analytics.coaches (tenant_id, coach_id)
  select distinct tenant_id, coach_id from rebuilt where coach_id <> ''
  on conflict do nothing
),
changed as (
  select tenant_id, user_id, valid_from as since from removed
  union all
  select tenant_id, user_id, valid_from from written
  union all
  -- a new signup day, plan or coach concerns everything the member ever did
  select m.tenant_id, m.user_id,
    least(t.since, b.first_event_at)
  from members m
  join touched t on t.tenant_id = m.tenant_id and t.user_id = m.user_id
  left join before b on b.tenant_id = m.tenant_id and b.user_id = m.user_id
  where (b.signup_day, b.signup_plan, b.signup_coach_id) is distinct from (m.signup_day, m.signup_plan, m.signup_coach_id)
)
select tenant_id, user_id, min(since) as since
from changed
group by tenant_id, user_id
