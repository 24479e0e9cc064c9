-- How far back a new action at `since` reaches: the session it may belong to, the hour and the local day of it.
-- Params: :touched jsonb [{tenant_id,user_id,since}]. Returns per member since, hour_from, day_from, floor (timestamptz
-- below which no raw event is needed), session_gap (interval).
with touched as materialized (
  select t.*, n.timezone,
    make_interval(mins => coalesce((n.settings ->> 'session_gap_minutes')::integer, 30)) as session_gap
  from jsonb_to_recordset(:touched::jsonb) as t (tenant_id uuid, user_id text, since timestamptz)
  join analytics.tenants n on n.id = t.tenant_id
),
-- An action within five minutes after another lengthens that one's hour.
reaching as (
  select *, since - interval '5 minutes' as reach from touched
),
hours as (
  select *, reach - ((reach at time zone timezone) - date_trunc('hour', reach at time zone timezone)) as hour_from
  from reaching
)
select h.tenant_id, h.user_id, h.since, h.session_gap::text as session_gap, h.hour_from,
  -- rows stamped under an earlier zone may name another day: begin at the earlier of the two
  least((h.hour_from at time zone h.timezone)::date, (h.hour_from at time zone 'UTC')::date - 1) as day_from,
  least(h.hour_from, s.started_at) as floor
from hours h
left join lateral (
  select min(s.started_at) as started_at
  from analytics.sessions s
  where s.tenant_id = h.tenant_id and s.user_id = h.user_id and s.started_at < h.since
    and s.ended_at >= h.since - h.session_gap
) s on true
