-- What readers see: one security_barrier view per relation, filtered on the tenant of the transaction.
create view tenant.activity with (security_barrier) as
  -- filter on `bucket` too: it is what chunks are chosen by
  select 'hour' as grain, bucket, hour at time zone 'UTC' as at, local_hour, plan, coach_id, cohort_week, cohort_month, active_members, actions, active_seconds, sessions
  from analytics.activity_hourly where tenant_id = tenant.id()
  union all
  select 'day', bucket, day::timestamp, null, plan, coach_id, cohort_week, cohort_month, null, actions, active_seconds, sessions
  from analytics.activity_daily where tenant_id = tenant.id();

create view tenant.members_daily with (security_barrier) as
  select * from analytics.members_daily where tenant_id = tenant.id();
create view tenant.presence_daily with (security_barrier) as
  select * from analytics.presence_daily where tenant_id = tenant.id();
create view tenant.retention_daily with (security_barrier) as
  select *, date_trunc('week', signup_day)::date as cohort_week, date_trunc('month', signup_day)::date as cohort_month
  from analytics.retention_daily where tenant_id = tenant.id();
create view tenant.goals_daily with (security_barrier) as
  select * from analytics.goals_daily where tenant_id = tenant.id();
create view tenant.member_days with (security_barrier) as
  select * from analytics.member_days where tenant_id = tenant.id();
create view tenant.members with (security_barrier) as
  select * from analytics.members where tenant_id = tenant.id();
create view tenant.audit_log with (security_barrier) as
  select * from analytics.analytics_audit_log where tenant_id = tenant.id();

-- Everything that was received before this instant is counted in the tenant's numbers.
create view tenant.freshness with (security_barrier) as
  select least(
    now(),
    (select min(marked_at) from analytics.dirty_members where tenant_id = tenant.id()),
    (select min(marked_at) from analytics.touched_ranges where tenant.id() = any(tenant_ids))
  ) as fresh_until;

grant select on all tables in schema tenant to analytics_api;
