-- Stores a request, unless its idempotency key is known or the tenant has :most open ones. Returns the new row's id, or the
-- known row's id and hash, or nothing. Params: :tenant_id … :request_hash, :most.
with known as (
  select id, request_hash
  from analytics.report_jobs
  where tenant_id = :tenant_id and requested_by = :requested_by and idempotency_key = :idempotency_key
), inserted as (
  insert into analytics.report_jobs
    (tenant_id, type, format, payload, params, requested_by, readable_by, contains_members, idempotency_key, request_hash)
  select :tenant_id, :type, :format, :payload::jsonb, :params::jsonb, :requested_by, :readable_by::text[],
    :contains_members::boolean, :idempotency_key, :request_hash
  where not exists (select from known) and (
    select count(*) from analytics.report_jobs where tenant_id = :tenant_id and status in ('queued', 'running')
  ) < :most
  on conflict (tenant_id, requested_by, idempotency_key) where idempotency_key is not null do nothing
  returning id, request_hash
)
select id, request_hash, true as known from known
union all
select id, request_hash, false from inserted
