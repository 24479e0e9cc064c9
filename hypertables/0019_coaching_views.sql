-- Tenant views over the habit, reply and nudge ledgers and their aggregates.
create view tenant.habits_daily with (security_barrier) as
  select * from analytics.habits_daily where tenant_id = tenant.id();
create view tenant.habit_days with (security_barrier) as
  select * from analytics.habit_days where tenant_id = tenant.id();
create view tenant.habit_member_days with (security_barrier) as
  select * from analytics.habit_member_days where tenant_id = tenant.id();
create view tenant.replies with (security_barrier) as
  select * from analytics.replies where tenant_id = tenant.id();
create view tenant.waiting_messages with (security_barrier) as
  select * from analytics.waiting_messages where tenant_id = tenant.id();
create view tenant.response_times with (security_barrier) as
  select 'hour' as grain, bucket, hour at time zone 'UTC' as at, plan, coach_id, cohort_week, cohort_month, replies, within_sla, seconds
  from analytics.replies_hourly where tenant_id = tenant.id()
  union all
  select 'day', bucket, day::timestamp, plan, coach_id, cohort_week, cohort_month, replies, within_sla, seconds
  from analytics.replies_daily where tenant_id = tenant.id();
create view tenant.sla_daily with (security_barrier) as
  select * from analytics.sla_daily where tenant_id = tenant.id();
create view tenant.nudges with (security_barrier) as
  select * from analytics.nudges where tenant_id = tenant.id();
create view tenant.nudges_hourly with (security_barrier) as
  select * from analytics.nudges_hourly where tenant_id = tenant.id();
create view tenant.nudge_free_daily with (security_barrier) as
  select * from analytics.nudge_free_daily where tenant_id = tenant.id();
create view tenant.ratings_daily with (security_barrier) as
  select * from analytics.ratings_daily where tenant_id = tenant.id();
create view tenant.coaches with (security_barrier) as
  select * from analytics.coaches where tenant_id = tenant.id();
create view tenant.member_history with (security_barrier) as
  select * from analytics.member_history where tenant_id = tenant.id();

grant select on all tables in schema tenant to analytics_api;
