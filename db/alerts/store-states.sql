-- Replaces what is kept of the named rules, and writes what changed to the outbox. Params: :tenant_id, :rules text[],
-- :standings jsonb [{rule,labels,state,since,value}], :changes jsonb [{rule,labels,status,value,threshold,started_at}], :now.
with standing as materialized (
  select * from jsonb_to_recordset(:standings::jsonb) as x (
    rule text, labels jsonb, state text, since timestamptz, value double precision
  )
),
gone as (
  delete from analytics.alert_states s
  where s.tenant_id = :tenant_id::uuid and s.rule = any(:rules::text[])
    and (s.rule, s.labels) not in (select rule, labels from standing)
),
kept as (
  insert into analytics.alert_states as s (tenant_id, rule, labels, state, since, value, evaluated_at)
  select :tenant_id::uuid, rule, labels, state, since, value, :now::timestamptz from standing
  on conflict (tenant_id, rule, labels) do update set
    state = excluded.state, since = excluded.since, value = excluded.value, evaluated_at = excluded.evaluated_at
)
insert into analytics.alert_notifications (tenant_id, rule, labels, status, value, threshold, started_at, at, next_attempt_at)
select :tenant_id::uuid, rule, labels, status, value, threshold, started_at, :now::timestamptz, now()
from jsonb_to_recordset(:changes::jsonb) as x (
  rule text, labels jsonb, status text, value double precision, threshold double precision, started_at timestamptz
)
