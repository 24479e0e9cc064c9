-- Brings the money entries that begin with some events in line with a fold; only differences are written. Params:
-- :tenant_id, :events jsonb [{provider, event_id}] (all of the folded groups), :rows jsonb. Returns from_at, to_at.
with rebuilt as materialized (
  select * from jsonb_to_recordset(:rows::jsonb) as r (
    provider text, event_id text, seq integer, at timestamptz, day date, type text, customer text, subscription text,
    currency text, amount numeric, provider_event_ids text[]
  )
),
removed as (
  delete from analytics.revenue_entries m
  using jsonb_to_recordset(:events::jsonb) as e (provider text, event_id text)
  where m.tenant_id = :tenant_id::uuid and m.provider = e.provider and m.event_id = e.event_id
    and not exists (
      select from rebuilt r
      where r.provider = m.provider and r.event_id = m.event_id and r.seq = m.seq and r.at = m.at
    )
  returning m.at
),
written as (
  insert into analytics.revenue_entries as m (
    tenant_id, provider, event_id, seq, at, day, type, customer, subscription, currency, amount, provider_event_ids
  )
  select :tenant_id::uuid, provider, event_id, seq, at, day, type, customer, subscription, currency, amount,
    provider_event_ids
  from rebuilt
  on conflict (tenant_id, provider, event_id, seq, at) do update set
    day = excluded.day, type = excluded.type, customer = excluded.customer, subscription = excluded.subscription,
    currency = excluded.currency, amount = excluded.amount, provider_event_ids = excluded.provider_event_ids
    where (m.day, m.type, m.customer, m.subscription, m.currency, m.amount, m.provider_event_ids) is distinct from
      (excluded.day, excluded.type, excluded.customer, excluded.subscription, excluded.currency, excluded.amount,
      excluded.provider_event_ids)
  returning m.at
)
select min(at) as from_at, max(at) as to_at from (select at from removed union all select at from written) touched
