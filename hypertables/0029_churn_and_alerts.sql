-- Churn risk (scores per member and local day, the models behind them) and alerts (state, what was announced, deliveries).

-- One row per member and closed local day on which the member had been active in the 30 days up to it. A score is what was
-- known then: late events do not rewrite it. Partitioned like the other user-level ledgers.
create table analytics.churn_scores (
  tenant_id uuid not null,
  user_id text not null,
  day date not null,
  -- Of no tracked action in the 30 local days after `day`.
  probability double precision not null check (probability between 0 and 1),
  band text not null check (band in ('low', 'medium', 'high')),
  -- At most three, strongest first: [{feature, text}].
  reasons jsonb not null,
  -- The latest local day with a tracked action.
  last_action date not null,
  -- prior-<n>: as shipped; tenant-<n>: the model of that id.
  model text not null,
  -- As they were at the end of the day.
  plan text not null,
  coach_id text not null,
  cohort_week date,
  cohort_month date,
  unique (tenant_id, day, user_id)
);
select create_hypertable('analytics.churn_scores', by_range('day', interval '30 days'), create_default_indexes => false);

-- Scores per day without persons: stays when the scores are dropped.
create materialized view analytics.churn_daily
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false) as
select
  time_bucket(interval '1 day', day) as day,
  tenant_id,
  plan,
  coach_id,
  cohort_week,
  cohort_month,
  count(*) as members,
  count(*) filter (where band = 'high') as high,
  count(*) filter (where band = 'medium') as medium,
  count(*) filter (where band = 'low') as low,
  sum(probability) as probability
from analytics.churn_scores
group by 1, 2, 3, 4, 5, 6
with no data;
create index on analytics.churn_daily (tenant_id, day);
select add_continuous_aggregate_policy('analytics.churn_daily', start_offset => interval '90 days', end_offset => interval '1 day', schedule_interval => interval '1 hour');

-- Every refit, accepted or not. The latest accepted one is in use; without one, the prior that is shipped.
create table analytics.churn_models (
  id bigint generated always as identity primary key,
  tenant_id uuid not null references analytics.tenants on delete cascade,
  trained_at timestamptz not null default now(),
  -- The last local day whose outcome was known.
  as_of date not null,
  accepted boolean not null,
  -- Why, in a sentence.
  reason text not null,
  members integer not null,
  observations integer not null,
  -- {coefficients, typical, calibration}: metrics/churn/model.ts
  model jsonb not null,
  -- Metrics on the time-based holdout: metrics/churn/evaluate.ts
  evaluation jsonb not null
);
create index on analytics.churn_models (tenant_id, id desc);

-- How far scoring and fitting have come, per tenant.
create table analytics.churn_progress (
  tenant_id uuid primary key references analytics.tenants on delete cascade,
  scored_day date,
  fitted_day date
);

-- Open billing issues are a feature of the model.
create index revenue_billing_issues on analytics.revenue_facts (tenant_id) where kind = 'billing_issue';

-- The state of each alert: a rule, and the labels of one of its series ({} for most rules).
create table analytics.alert_states (
  tenant_id uuid not null references analytics.tenants on delete cascade,
  rule text not null,
  labels jsonb not null default '{}',
  state text not null check (state in ('ok', 'pending', 'firing', 'no_data')),
  -- When it entered this state.
  since timestamptz not null,
  value double precision,
  evaluated_at timestamptz not null,
  primary key (tenant_id, rule, labels)
);

-- What was announced: an alert that began to fire, or was resolved. Written with the state, delivered afterwards (outbox).
create table analytics.alert_notifications (
  id uuid primary key default gen_random_uuid(),
  tenant_id uuid not null references analytics.tenants on delete cascade,
  rule text not null,
  labels jsonb not null,
  status text not null check (status in ('firing', 'resolved', 'test')),
  value double precision,
  threshold double precision not null,
  -- When the alert began to fire.
  started_at timestamptz not null,
  at timestamptz not null default now(),
  -- waiting: to be delivered at next_attempt_at; skipped: the tenant had no webhook; failed: given up.
  delivery text not null default 'waiting' check (delivery in ('waiting', 'delivered', 'failed', 'skipped')),
  attempts integer not null default 0,
  next_attempt_at timestamptz not null default now(),
  delivered_at timestamptz
);
create index on analytics.alert_notifications (tenant_id, at desc);
create index alert_notifications_waiting on analytics.alert_notifications (next_attempt_at) where delivery = 'waiting';

-- Each attempt to deliver: HTTP status, or what went wrong. Never a body.
create table analytics.alert_deliveries (
  id bigint generated always as identity primary key,
  notification_id uuid not null references analytics.alert_notifications on delete cascade,
  at timestamptz not null default now(),
  status integer,
  error text,
  duration_ms integer not null
);
create index on analytics.alert_deliveries (notification_id);

create view tenant.churn_scores with (security_barrier) as
  select * from analytics.churn_scores where tenant_id = tenant.id();
create view tenant.churn_daily with (security_barrier) as
  select * from analytics.churn_daily where tenant_id = tenant.id();
create view tenant.churn_models with (security_barrier) as
  select * from analytics.churn_models where tenant_id = tenant.id();
create view tenant.churn_progress with (security_barrier) as
  select * from analytics.churn_progress where tenant_id = tenant.id();
create view tenant.alert_states with (security_barrier) as
  select * from analytics.alert_states where tenant_id = tenant.id();
create view tenant.alert_notifications with (security_barrier) as
  select * from analytics.alert_notifications where tenant_id = tenant.id();
create view tenant.alert_deliveries with (security_barrier) as
  select d.* from analytics.alert_deliveries d
  join analytics.alert_notifications n on n.id = d.notification_id where n.tenant_id = tenant.id();

-- What alert rules need to know about the tenant. One row.
create view tenant.alert_context with (security_barrier) as
  select timezone, make_interval(secs => coalesce((settings ->> 'sla_hours')::double precision, 24) * 3600) as sla
  from analytics.tenants where id = tenant.id();
-- Rules whose threshold the tenant has changed (setting `alerts.<rule>`): subtract coalesce(threshold, the rule's own).
create view tenant.alert_thresholds with (security_barrier) as
  select substr(s.key, 8) as rule, (s.value #>> '{}')::double precision as threshold
  from analytics.tenants t, jsonb_each(t.settings) s
  where t.id = tenant.id() and s.key like 'alerts.%' and jsonb_typeof(s.value) = 'number';
-- Hours in which the tenant's events happened.
create view tenant.ingest_hours with (security_barrier) as
  select bucket, sum(events) as events from analytics.events_hourly where tenant_id = tenant.id() group by bucket;
-- The platform's recurring jobs, without their errors' texts: the same for every tenant.
create view tenant.recurring_jobs with (security_barrier) as
  select name, consecutive_failures, last_run_at, last_success_at
  from analytics.job_outcomes where tenant.id() is not null and name not like 'policy %';

grant select on tenant.churn_scores, tenant.churn_daily, tenant.churn_models, tenant.churn_progress, tenant.alert_states,
  tenant.alert_notifications, tenant.alert_deliveries, tenant.alert_context, tenant.alert_thresholds, tenant.ingest_hours,
  tenant.recurring_jobs to analytics_api;
