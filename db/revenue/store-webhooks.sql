-- Stores provider events once each, with their facts, and marks what is new for folding. An event that was
-- rejected takes a good reading that comes later; in a replay after a fix, so do ignored ones. Params: :tenant_id, :provider, :events jsonb
-- [{event_id, type, body, outcome, reason, errors, facts: [fact], keys: [text]}], :replay boolean. Returns outcome, count.
with incoming as materialized (
  select distinct on (event_id) *
  from jsonb_to_recordset(:events::jsonb) as e (
    event_id text, type text, body jsonb, outcome text, reason text, errors jsonb, facts jsonb, keys jsonb
  )
  order by event_id
),
stored as (
  insert into analytics.revenue_webhooks as w (tenant_id, provider, event_id, type, body, outcome, reason, errors)
  select :tenant_id::uuid, :provider, event_id, type, body, outcome, reason, errors from incoming
  on conflict (tenant_id, provider, event_id) do update
    set type = excluded.type, body = excluded.body, outcome = excluded.outcome, reason = excluded.reason,
      errors = excluded.errors
    where w.outcome = 'rejected' and excluded.outcome <> 'rejected'
      or :replay::boolean and w.outcome <> 'facts'
  returning event_id, outcome
),
facts as (
  insert into analytics.revenue_facts (tenant_id, provider, event_id, seq, kind, fact)
  select :tenant_id::uuid, :provider, i.event_id, (f ->> 'seq')::integer, f ->> 'kind', f
  from stored s join incoming i using (event_id), jsonb_array_elements(i.facts) f
  on conflict do nothing
),
keys as (
  insert into analytics.revenue_fact_keys (tenant_id, key, provider, event_id)
  select :tenant_id::uuid, k, :provider, i.event_id
  from stored s join incoming i using (event_id), jsonb_array_elements_text(i.keys) k
  on conflict do nothing
),
marks as (
  insert into analytics.dirty_revenue (tenant_id, provider, event_id)
  select :tenant_id::uuid, :provider, event_id from stored where outcome = 'facts'
)
select outcome, count(*) as events from stored group by 1
