-- Replaces the open questions of some subscriptions' folds. Params: :tenant_id, :customers text[], :rows jsonb [{customer, issue}].
with removed as (
  delete from analytics.revenue_issues i where i.tenant_id = :tenant_id::uuid and i.customer = any(:customers::text[])
)
insert into analytics.revenue_issues (tenant_id, customer, issue)
select :tenant_id::uuid, customer, issue from jsonb_to_recordset(:rows::jsonb) as r (customer text, issue jsonb)
