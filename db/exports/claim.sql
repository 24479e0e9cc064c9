-- Takes the oldest export that may run: one that waits, or whose worker has not shown itself within its lease. A tenant has at
-- most :per_tenant running at once. An instant further ahead than this ever looks was written before the clock went back, and
-- means nothing any more. Params: :run uuid, :lease_seconds, :per_tenant, :max_attempts, :longest_pause_seconds.
update analytics.report_jobs as j
set status = 'running', run = :run, attempts = j.attempts + 1, progress = 0, error = null,
  lease_until = now() + make_interval(secs => :lease_seconds), started_at = coalesce(j.started_at, now())
from (
  select id
  from analytics.report_jobs q
  where (
      q.status = 'queued'
        and (q.not_before <= now() or q.not_before > now() + 2 * make_interval(secs => :longest_pause_seconds))
      or q.status = 'running'
        and (q.lease_until < now() or q.lease_until > now() + 2 * make_interval(secs => :lease_seconds))
    )
    and q.attempts < :max_attempts
    and (
      select count(*)
      from analytics.report_jobs r
      where r.tenant_id = q.tenant_id and r.status = 'running'
        and r.lease_until between now() and now() + 2 * make_interval(secs => :lease_seconds)
    ) < :per_tenant
  order by q.created_at
  limit 1
  for update skip locked
) next
where j.id = next.id
returning j.id, j.tenant_id, j.type, j.format, j.payload, j.attempts
