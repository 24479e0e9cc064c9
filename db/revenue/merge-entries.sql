-- Brings the ledger entries of some customers in line with a fold; only differences are written. Params: :tenant_id,
-- :customers text[], :rows jsonb. Returns the range that changed: from_at, to_at.
with rebuilt as materialized (
  select * from jsonb_to_recordset(:rows::jsonb) as r (
    customer text, currency text, at timestamptz, day date, subscription text, plan text, product text, provider text,
    type text, delta numeric, reason text, provider_event_ids text[]
  )
),
removed as (
  delete from analytics.mrr_entries m
  where m.tenant_id = :tenant_id::uuid and m.customer = any(:customers::text[])
    and not exists (
      select from rebuilt r
      where r.customer = m.customer and r.currency = m.currency and r.at = m.at and r.subscription = m.subscription
        and r.plan = m.plan
    )
  returning m.at
),
written as (
  insert into analytics.mrr_entries as m (
    tenant_id, customer, currency, at, day, subscription, plan, product, provider, type, delta, reason, provider_event_ids
  )
  select :tenant_id::uuid, customer, currency, at, day, subscription, plan, product, provider, type, delta, reason,
    provider_event_ids
  from rebuilt
  on conflict (tenant_id, customer, currency, at, subscription, plan) do update set
    day = excluded.day, product = excluded.product, provider = excluded.provider, type = excluded.type,
    delta = excluded.delta, reason = excluded.reason, provider_event_ids = excluded.provider_event_ids
    where (m.day, m.product, m.provider, m.type, m.delta, m.reason, m.provider_event_ids) is distinct from (excluded.day,
      excluded.product, excluded.provider, excluded.type, excluded.delta, excluded.reason, excluded.provider_event_ids)
  returning m.at
)
select min(at) as from_at, max(at) as to_at from (select at from removed union all select at from written) touched
