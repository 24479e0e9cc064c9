-- How each recurring job has been doing, over all processes: read by /metrics and /health/ready.
create table analytics.job_outcomes (
  name text primary key,
  first_seen_at timestamptz not null default now(),
  successes bigint not null default 0,
  failures bigint not null default 0,
  consecutive_failures integer not null default 0,
  last_run_at timestamptz,
  last_success_at timestamptz,
  last_error text
);
