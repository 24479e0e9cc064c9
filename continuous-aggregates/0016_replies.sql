-- Response times per hour and per local day as percentile sketches: rolled up, never averaged.
create materialized view analytics.replies_hourly
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false) as
select
  time_bucket(interval '1 hour', replied_at) as bucket,
  hour,
  local_hour,
  tenant_id,
  plan,
  coach_id,
  cohort_week,
  cohort_month,
  count(*) as replies,
  count(*) filter (where within_sla) as within_sla,
  percentile_agg(seconds) as seconds
from analytics.replies
group by 1, 2, 3, 4, 5, 6, 7, 8
with no data;
create index on analytics.replies_hourly (tenant_id, bucket);
select add_continuous_aggregate_policy('analytics.replies_hourly', start_offset => interval '30 days', end_offset => interval '1 hour', schedule_interval => interval '10 minutes');

create materialized view analytics.replies_daily
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false) as
select
  time_bucket(interval '1 day', bucket) as bucket,
  local_hour::date as day,
  tenant_id,
  plan,
  coach_id,
  cohort_week,
  cohort_month,
  sum(replies) as replies,
  sum(within_sla) as within_sla,
  rollup(seconds) as seconds
from analytics.replies_hourly
group by 1, 2, 3, 4, 5, 6, 7
with no data;
create index on analytics.replies_daily (tenant_id, bucket);
select add_continuous_aggregate_policy('analytics.replies_daily', start_offset => interval '60 days', end_offset => interval '1 day', schedule_interval => interval '1 hour');

create materialized view analytics.sla_daily
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false) as
select
  time_bucket(interval '1 day', at) as bucket,
  day,
  tenant_id,
  plan,
  coach_id,
  cohort_week,
  cohort_month,
  sum(delta) as delta
from analytics.sla_changes
group by 1, 2, 3, 4, 5, 6, 7
with no data;
create index on analytics.sla_daily (tenant_id, bucket);
select add_continuous_aggregate_policy('analytics.sla_daily', start_offset => interval '90 days', end_offset => interval '1 day', schedule_interval => interval '1 hour');
