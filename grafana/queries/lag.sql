-- The longest that anything has been waiting for the workers.
select coalesce(max(lag_seconds), 0) as "Lag" from grafana.backlog
