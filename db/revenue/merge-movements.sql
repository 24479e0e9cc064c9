-- Brings the movements of some customers in line with a fold; only differences are written. Params: :tenant_id,
-- :customers text[], :rows jsonb. Returns the range that changed: from_at, to_at.
with rebuilt as materialized (
  select * from jsonb_to_recordset(:rows::jsonb) as r (
    customer text, currency text, at timestamptz, day date, type text, delta numeric, mrr_before numeric, mrr_after numeric,
    subscriber_delta smallint, subscription text, plan text, provider text, reason text, provider_event_ids text[]
  )
),
removed as (
  delete from analytics.mrr_movements m
  where m.tenant_id = :tenant_id::uuid and m.customer = any(:customers::text[])
    and not exists (
      select from rebuilt r where r.customer = m.customer and r.currency = m.currency and r.at = m.at
    )
  returning m.at
),
written as (
  insert into analytics.mrr_movements as m (
    tenant_id, customer, currency, at, day, type, delta, mrr_before, mrr_after, subscriber_delta, subscription, plan,
    provider, reason, provider_event_ids
  )
  select :tenant_id::uuid, customer, currency, at, day, type, delta, mrr_before, mrr_after, subscriber_delta, subscription,
    plan, provider, reason, provider_event_ids
  from rebuilt
  on conflict (tenant_id, customer, currency, at) do update set
    day = excluded.day, type = excluded.type, delta = excluded.delta, mrr_before = excluded.mrr_before,
    mrr_after = excluded.mrr_after, subscriber_delta = excluded.subscriber_delta, subscription = excluded.subscription,
    plan = excluded.plan, provider = excluded.provider, reason = excluded.reason,
    provider_event_ids = excluded.provider_event_ids
    where (m.day, m.type, m.delta, m.mrr_before, m.mrr_after, m.subscriber_delta, m.subscription, m.plan, m.provider,
      m.reason, m.provider_event_ids) is distinct from (excluded.day, excluded.type, excluded.delta, excluded.mrr_before,
      excluded.mrr_after, excluded.subscriber_delta, excluded.subscription, excluded.plan, excluded.provider,
      excluded.reason, excluded.provider_event_ids)
  returning m.at
)
select min(at) as from_at, max(at) as to_at from (select at from removed union all select at from written) touched
