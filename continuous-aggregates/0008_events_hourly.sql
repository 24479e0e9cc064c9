-- Raw events per hour and type: operations, and the reconciliation of aggregates with raw.
create materialized view analytics.events_hourly
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false) as
select
  time_bucket(interval '1 hour', occurred_at) as bucket,
  local_hour,
  tenant_id,
  type,
  count(*) as events
from analytics.events
group by 1, 2, 3, 4
with no data;
create index on analytics.events_hourly (tenant_id, bucket);
select add_continuous_aggregate_policy('analytics.events_hourly', start_offset => interval '30 days', end_offset => interval '1 hour', schedule_interval => interval '10 minutes');
