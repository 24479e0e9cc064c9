-- One page of the tenant's audit log, newest first. Params: :from_at, :to_at timestamptz (exclusive; null: open), :actor, :action,
-- :request_id (null: any), :status integer (null: any), :before jsonb (null, or [at, request_id, action, digest] of the last row
-- of the page before), :limit integer. Rows of one transaction share their instant: `digest` tells them apart.
select at, actor, role, action, route, parameters, status, request_id, md5(parameters::text) as digest,
  to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as exactly
from tenant.audit_log
where (:from_at::timestamptz is null or at >= :from_at::timestamptz)
  and (:to_at::timestamptz is null or at < :to_at::timestamptz)
  and (:actor::text is null or actor = :actor::text)
  and (:action::text is null or action = :action::text)
  and (:request_id::text is null or request_id = :request_id::text)
  and (:status::integer is null or status = :status::integer)
  and (
    :before::jsonb is null
    or (at, request_id, action, md5(parameters::text))
      < ((:before::jsonb ->> 0)::timestamptz, :before::jsonb ->> 1, :before::jsonb ->> 2, :before::jsonb ->> 3)
  )
order by at desc, request_id desc, action desc, digest desc
limit :limit::integer
