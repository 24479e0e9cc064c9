-- Goal changes per local day.
create materialized view analytics.goals_daily
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false) as
select
  time_bucket(interval '1 day', occurred_at) as bucket,
  local_hour::date as day,
  tenant_id,
  plan,
  coach_id,
  cohort_week,
  cohort_month,
  sum(created) as created,
  sum(reopened) as reopened,
  sum(completed) as completed,
  sum(abandoned) as abandoned,
  sum(open_delta) as open_delta
from analytics.goal_changes
group by 1, 2, 3, 4, 5, 6, 7
with no data;
create index on analytics.goals_daily (tenant_id, bucket);
select add_continuous_aggregate_policy('analytics.goals_daily', start_offset => interval '90 days', end_offset => interval '1 day', schedule_interval => interval '1 hour');
