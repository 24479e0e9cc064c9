-- Brings the trials of some customers in line with a fold. Params: :tenant_id, :customers text[], :rows jsonb.
with rebuilt as materialized (
  select * from jsonb_to_recordset(:rows::jsonb) as r (
    customer text, subscription text, started_at timestamptz, plan text, ended_at timestamptz, converted_at timestamptz,
    ended_day date, converted_day date, provider_event_ids text[]
  )
),
removed as (
  delete from analytics.trials t
  where t.tenant_id = :tenant_id::uuid and t.customer = any(:customers::text[])
    and not exists (
      select from rebuilt r
      where r.customer = t.customer and r.subscription = t.subscription and r.started_at = t.started_at
    )
)
insert into analytics.trials (
  tenant_id, customer, subscription, started_at, plan, ended_at, converted_at, ended_day, converted_day, provider_event_ids
)
select :tenant_id::uuid, customer, subscription, started_at, plan, ended_at, converted_at, ended_day, converted_day,
  provider_event_ids
from rebuilt
on conflict (tenant_id, customer, subscription, started_at) do update set
  plan = excluded.plan, ended_at = excluded.ended_at, converted_at = excluded.converted_at,
  ended_day = excluded.ended_day, converted_day = excluded.converted_day, provider_event_ids = excluded.provider_event_ids
