-- Writes down one attempt and what becomes of its notification. Params: :id, :delivery, :pause_seconds, :status, :error,
-- :duration_ms.
with attempt as (
  insert into analytics.alert_deliveries (notification_id, status, error, duration_ms)
  values (:id::uuid, :status::integer, :error::text, :duration_ms::integer)
)
update analytics.alert_notifications
set delivery = :delivery::text,
  next_attempt_at = now() + make_interval(secs => :pause_seconds::double precision),
  delivered_at = case when :delivery::text = 'delivered' then now() end
where id = :id::uuid
