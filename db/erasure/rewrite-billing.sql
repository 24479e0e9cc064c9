-- Replaces provider events with what they say without a member's id, facts and keys included, and takes the rows of the
-- customer's old names out of the ledger: the fold that follows writes them again under the new one. Params: :tenant uuid,
-- :events jsonb [{provider, event_id, type, body, outcome, reason, errors, facts, keys}], :customers text[].
with given as materialized (
  select * from jsonb_to_recordset(:events::jsonb) as e (
    provider text, event_id text, type text, body jsonb, outcome text, reason text, errors jsonb, facts jsonb, keys jsonb
  )
),
bodies as (
  update analytics.revenue_webhooks w
  set type = g.type, body = g.body, outcome = g.outcome, reason = g.reason, errors = g.errors
  from given g
  where w.tenant_id = :tenant::uuid and w.provider = g.provider and w.event_id = g.event_id
  returning 1
),
old_facts as (
  delete from analytics.revenue_facts f using given g
  where f.tenant_id = :tenant::uuid and f.provider = g.provider and f.event_id = g.event_id
    and f.seq >= jsonb_array_length(g.facts)
),
facts as (
  insert into analytics.revenue_facts as f (tenant_id, provider, event_id, seq, kind, fact)
  select :tenant::uuid, g.provider, g.event_id, (x ->> 'seq')::integer, x ->> 'kind', x
  from given g, jsonb_array_elements(g.facts) x
  on conflict (tenant_id, provider, event_id, seq) do update set kind = excluded.kind, fact = excluded.fact
),
old_keys as (
  delete from analytics.revenue_fact_keys k using given g
  where k.tenant_id = :tenant::uuid and k.provider = g.provider and k.event_id = g.event_id and not g.keys ? k.key
),
keys as (
  insert into analytics.revenue_fact_keys (tenant_id, key, provider, event_id)
  select :tenant::uuid, k, g.provider, g.event_id
  from given g, jsonb_array_elements_text(g.keys) k
  on conflict do nothing
),
movements as (
  delete from analytics.mrr_movements where tenant_id = :tenant::uuid and customer = any(:customers::text[]) returning 1
),
entries as (
  delete from analytics.mrr_entries where tenant_id = :tenant::uuid and customer = any(:customers::text[]) returning 1
),
payments as (
  delete from analytics.revenue_entries where tenant_id = :tenant::uuid and customer = any(:customers::text[]) returning 1
),
trials as (
  delete from analytics.trials where tenant_id = :tenant::uuid and customer = any(:customers::text[]) returning 1
),
subscriptions as (
  delete from analytics.subscriptions where tenant_id = :tenant::uuid and customer = any(:customers::text[]) returning 1
),
issues as (
  delete from analytics.revenue_issues where tenant_id = :tenant::uuid and customer = any(:customers::text[]) returning 1
)
select (select count(*) from bodies) as revenue_webhooks, (select count(*) from movements) as mrr_movements,
  (select count(*) from entries) as mrr_entries, (select count(*) from payments) as revenue_entries,
  (select count(*) from trials) as trials, (select count(*) from subscriptions) as subscriptions,
  (select count(*) from issues) as revenue_issues
