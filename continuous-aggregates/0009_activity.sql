-- Engagement per hour and per local day. A member-hour is unique per member, so active_members is exact in its hour;
-- it is never summed over hours.
create materialized view analytics.activity_hourly
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false) as
select
  time_bucket(interval '1 hour', hour) as bucket,
  hour,
  local_hour,
  tenant_id,
  plan,
  coach_id,
  cohort_week,
  cohort_month,
  count(*) as active_members,
  sum(actions) as actions,
  sum(active_seconds) as active_seconds,
  sum(sessions) as sessions
from analytics.member_hours
group by 1, 2, 3, 4, 5, 6, 7, 8
with no data;
create index on analytics.activity_hourly (tenant_id, bucket);
select add_continuous_aggregate_policy('analytics.activity_hourly', start_offset => interval '30 days', end_offset => interval '1 hour', schedule_interval => interval '10 minutes');

create materialized view analytics.activity_daily
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false) as
select
  time_bucket(interval '1 day', bucket) as bucket,
  local_hour::date as day,
  tenant_id,
  plan,
  coach_id,
  cohort_week,
  cohort_month,
  sum(actions) as actions,
  sum(active_seconds) as active_seconds,
  sum(sessions) as sessions
from analytics.activity_hourly
group by 1, 2, 3, 4, 5, 6, 7
with no data;
create index on analytics.activity_daily (tenant_id, bucket);
select add_continuous_aggregate_policy('analytics.activity_daily', start_offset => interval '60 days', end_offset => interval '1 day', schedule_interval => interval '1 hour');

-- Distinct members per local day, and first appearances in the calendar week and month (additive, see member_days).
create materialized view analytics.members_daily
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false) as
select
  time_bucket(interval '1 day', day) as day,
  tenant_id,
  plan,
  coach_id,
  cohort_week,
  cohort_month,
  count(*) as members,
  count(*) filter (where first_in_week) as week_members,
  count(*) filter (where first_in_month) as month_members
from analytics.member_days
group by 1, 2, 3, 4, 5, 6
with no data;
create index on analytics.members_daily (tenant_id, day);
select add_continuous_aggregate_policy('analytics.members_daily', start_offset => interval '90 days', end_offset => interval '1 day', schedule_interval => interval '1 hour');

create materialized view analytics.presence_daily
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false) as
select
  time_bucket(interval '1 day', day) as day,
  tenant_id,
  plan,
  coach_id,
  cohort_week,
  cohort_month,
  sum(wau_delta) as wau_delta,
  sum(mau_delta) as mau_delta
from analytics.presence
group by 1, 2, 3, 4, 5, 6
with no data;
create index on analytics.presence_daily (tenant_id, day);
select add_continuous_aggregate_policy('analytics.presence_daily', start_offset => interval '90 days', end_offset => interval '1 day', schedule_interval => interval '1 hour');

-- Activity by age: how many members of a signup day were active n days later (day - signup_day).
-- Plan and coach are those at signing up, so that a cohort's members stay in one group.
create materialized view analytics.retention_daily
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false) as
select
  time_bucket(interval '1 day', day) as day,
  tenant_id,
  signup_day,
  signup_plan as plan,
  signup_coach_id as coach_id,
  count(*) as members,
  count(*) filter (where first_in_signup_week) as signup_week_members,
  count(*) filter (where first_in_week) as week_members,
  count(*) filter (where first_in_month) as month_members,
  count(*) filter (where is_last) as last_seen
from analytics.member_days
group by 1, 2, 3, 4, 5
with no data;
create index on analytics.retention_daily (tenant_id, day);
select add_continuous_aggregate_policy('analytics.retention_daily', start_offset => interval '90 days', end_offset => interval '1 day', schedule_interval => interval '1 hour');
