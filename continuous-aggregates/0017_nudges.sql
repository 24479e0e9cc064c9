-- Nudges and what followed them, per hour and local day and persona; and the days without a nudge beside them.
create materialized view analytics.nudges_hourly
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false) as
select
  time_bucket(interval '1 hour', sent_at) as bucket,
  hour,
  local_hour,
  tenant_id,
  persona,
  plan,
  coach_id,
  cohort_week,
  cohort_month,
  count(*) as delivered,
  count(*) filter (where followed) as followed,
  count(*) filter (where direct) as direct,
  count(*) filter (where followed and not direct) as influenced
from analytics.nudges
group by 1, 2, 3, 4, 5, 6, 7, 8, 9
with no data;
create index on analytics.nudges_hourly (tenant_id, bucket);
select add_continuous_aggregate_policy('analytics.nudges_hourly', start_offset => interval '30 days', end_offset => interval '1 hour', schedule_interval => interval '10 minutes');

create materialized view analytics.nudge_free_daily
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false) as
select
  time_bucket(interval '1 day', day) as day,
  tenant_id,
  plan,
  coach_id,
  cohort_week,
  cohort_month,
  count(*) as days,
  count(*) filter (where acted) as acted
from analytics.nudge_free_days
group by 1, 2, 3, 4, 5, 6
with no data;
create index on analytics.nudge_free_daily (tenant_id, day);
select add_continuous_aggregate_policy('analytics.nudge_free_daily', start_offset => interval '90 days', end_offset => interval '1 day', schedule_interval => interval '1 hour');
