-- Brings the subscriptions of some customers in line with a fold. Params: :tenant_id, :customers text[], :rows jsonb.
with rebuilt as materialized (
  select * from jsonb_to_recordset(:rows::jsonb) as r (
    subscription text, customer text, provider text, plan text, plan_name text, standing text, mrr jsonb,
    started_at timestamptz, first_paid_at timestamptz, ended_at timestamptz, period_end timestamptz
  )
),
removed as (
  delete from analytics.subscriptions s
  where s.tenant_id = :tenant_id::uuid and s.customer = any(:customers::text[])
    and not exists (select from rebuilt r where r.subscription = s.subscription)
)
insert into analytics.subscriptions (
  tenant_id, subscription, customer, provider, plan, plan_name, standing, mrr, started_at, first_paid_at, ended_at, period_end
)
select :tenant_id::uuid, subscription, customer, provider, plan, plan_name, standing, mrr, started_at, first_paid_at,
  ended_at, period_end
from rebuilt
on conflict (tenant_id, subscription) do update set
  customer = excluded.customer, provider = excluded.provider, plan = excluded.plan, plan_name = excluded.plan_name,
  standing = excluded.standing, mrr = excluded.mrr, started_at = excluded.started_at,
  first_paid_at = excluded.first_paid_at, ended_at = excluded.ended_at, period_end = excluded.period_end
