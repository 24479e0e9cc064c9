-- How far back a new action at `since` reaches: the session it may belong to, the hour and the local day of it. What the
-- ledgers counted before `since` stands, and only events from then on are read, if they counted nothing later; else the
-- session or the hours are counted anew from their beginning.
-- Params: :touched jsonb [{tenant_id,user_id,since}], :floor timestamptz (earliest since). Returns per member since,
-- session_gap (interval), hour_from (first hour that may change), hours_add (the hours' counts before `since` stand), hours_read_from
-- (first event the hours need), day_from, floor (timestamptz below which no ledger row is needed), read_floor (timestamptz
-- below which the sessions need no event).
with touched as materialized (
  select t.*, n.timezone,
    make_interval(mins => coalesce((n.settings ->> 'session_gap_minutes')::integer, 30)) as session_gap
  from jsonb_to_recordset(:touched::jsonb) as t (tenant_id uuid, user_id text, since timestamptz)
  -- lateral with a limit: of a join with few tenants the planner would expect one row, and loop over all pairs
  cross join lateral (select settings, timezone from analytics.tenants where id = t.tenant_id limit 1) n
),
-- An action within five minutes after another lengthens that one's hour.
reaching as (
  select *, since - interval '5 minutes' as reach from touched
),
hours as (
  select *, reach - ((reach at time zone timezone) - date_trunc('hour', reach at time zone timezone)) as hour_from
  from reaching
)
select h.tenant_id, h.user_id, h.since, h.session_gap::text as session_gap, h.hour_from, m.hours_add,
  case when m.hours_add then h.reach else h.hour_from end as hours_read_from,
  -- rows stamped under an earlier zone may name another day: begin at the earlier of the two
  least((h.hour_from at time zone h.timezone)::date, (h.hour_from at time zone 'UTC')::date - 1) as day_from,
  least(h.hour_from, s.started_at) as floor,
  least(h.since, s.begun_anew) as read_floor
from hours h
cross join lateral (
  -- Rows from before last_at was kept do not say what they counted; of a zone whose hours began at other minutes, nothing can be
  -- added to them.
  select coalesce(
      bool_and(
        coalesce(m.last_at < h.since, false)
        and m.hour at time zone h.timezone = date_trunc('hour', m.hour at time zone h.timezone)
      ) filter (where m.hour >= h.hour_from),
      true
    ) as hours_add,
    -- Looking for what began long ago opens every chunk there is. A session that began more than a day ago has actions in
    -- nearly all hours of that day, unless its gaps may be longer than an hour.
    count(*) >= 12 or h.session_gap > interval '1 hour' as may_be_long
  from analytics.member_hours m
  where m.tenant_id = h.tenant_id and m.user_id = h.user_id and m.hour >= h.since - interval '25 hours'
    and m.hour >= :floor::timestamptz - interval '25 hours'
) m
left join lateral (
  select min(s.started_at) as started_at, min(s.started_at) filter (where s.ended_at >= h.since) as begun_anew
  from (
    select started_at, ended_at
    from analytics.sessions
    where tenant_id = h.tenant_id and user_id = h.user_id and started_at >= :floor::timestamptz - interval '24 hours'
    union all
    select started_at, ended_at
    from analytics.sessions
    where tenant_id = h.tenant_id and user_id = h.user_id and started_at < :floor::timestamptz - interval '24 hours'
      and m.may_be_long
  ) s
  where s.started_at < h.since and s.ended_at >= h.since - h.session_gap
) s on true
