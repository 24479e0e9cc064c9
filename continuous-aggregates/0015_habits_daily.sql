-- Habit scores per local day: sums and counts, so that means can be formed over any group.
create materialized view analytics.habits_daily
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false) as
select
  time_bucket(interval '1 day', day) as day,
  tenant_id,
  plan,
  coach_id,
  cohort_week,
  cohort_month,
  count(*) as members,
  sum(score) as score,
  sum(expected) as expected,
  sum(done) as done,
  sum(streak) as streak,
  sum(checked) as checked
from analytics.habit_member_days
group by 1, 2, 3, 4, 5, 6
with no data;
create index on analytics.habits_daily (tenant_id, day);
select add_continuous_aggregate_policy('analytics.habits_daily', start_offset => interval '90 days', end_offset => interval '1 day', schedule_interval => interval '1 hour');
