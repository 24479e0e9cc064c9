-- Takes notifications that are due, oldest first, for the length of a lease. Params: :limit, :lease_seconds.
with due as (
  select id from analytics.alert_notifications
  where delivery = 'waiting' and next_attempt_at <= now()
  order by at, id
  limit :limit::integer
  for update skip locked
),
taken as (
  update analytics.alert_notifications n
  set attempts = n.attempts + 1, next_attempt_at = now() + make_interval(secs => :lease_seconds::double precision)
  from due
  where n.id = due.id
  returning n.*
)
select id, tenant_id, rule, labels, status, value, threshold, started_at, at, attempts
from taken
order by at, id
