-- A tenant's notifications with their latest attempt, latest first. Params: :tenant_id, :limit.
select n.id, n.rule, n.labels, n.status, n.value, n.threshold, n.started_at, n.at, n.attempts, n.delivery, n.delivered_at,
  d.status as last_status, d.error as last_error
from analytics.alert_notifications n
left join lateral (
  select status, error from analytics.alert_deliveries d where d.notification_id = n.id order by d.id desc limit 1
) d on true
where n.tenant_id = :tenant_id::uuid
order by n.at desc, n.id
limit :limit::integer
