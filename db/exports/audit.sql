-- The audit log, oldest first. Params: :from, :to (days in UTC, exclusive).
select to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at, actor, role, action, route,
  parameters::text as parameters, status, request_id
from audit_log
where at >= :from::timestamp at time zone 'UTC' and at < :to::timestamp at time zone 'UTC'
order by audit_log.at, request_id
