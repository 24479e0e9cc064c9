-- Replaces the properties of some events; one member and one range at a time, so that little must be decompressed.
-- Params: :tenant uuid, :member (whose events they are), :from_at, :to_at timestamptz (inclusive), :rows jsonb [{event_id,
-- occurred_at, properties}]. Returns how many: rows.
with given as (
  select * from jsonb_to_recordset(:rows::jsonb) as x (event_id text, occurred_at timestamptz, properties jsonb)
),
rewritten as (
  update analytics.events e set properties = g.properties
  from given g
  where e.tenant_id = :tenant::uuid and e.user_id = :member
    and e.occurred_at between :from_at::timestamptz and :to_at::timestamptz
    and e.event_id = g.event_id and e.occurred_at = g.occurred_at
  returning e.occurred_at
),
marks as (
  insert into analytics.landing_marks (tenant_id, day)
  select distinct :tenant::uuid, (occurred_at at time zone 'UTC')::date from rewritten
)
select count(*) as rows from rewritten
