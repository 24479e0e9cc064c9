-- Reply ledger. A run of member messages waits from its first message until the first coach message; AI messages do not
-- stop the clock.
create table analytics.replies (
  tenant_id uuid not null,
  user_id text not null,
  conversation_id text not null,
  asked_at timestamptz not null,
  replied_at timestamptz not null,
  local_hour timestamp not null,
  -- The instant at which that local hour began.
  hour timestamptz not null,
  seconds double precision not null,
  within_sla boolean not null,
  plan text not null,
  coach_id text not null,
  cohort_week date,
  cohort_month date,
  unique (tenant_id, user_id, conversation_id, replied_at)
);
select create_hypertable('analytics.replies', by_range('replied_at', interval '7 days'), create_default_indexes => false);

-- Runs that nobody has answered yet.
create table analytics.waiting_messages (
  tenant_id uuid not null references analytics.tenants on delete cascade,
  user_id text not null,
  conversation_id text not null,
  asked_at timestamptz not null,
  coach_id text not null,
  primary key (tenant_id, user_id, conversation_id)
);

-- +1 when a run has waited longer than the SLA (written ahead), -1 when it is answered: sums give how many wait.
create table analytics.sla_changes (
  tenant_id uuid not null,
  user_id text not null,
  conversation_id text not null,
  at timestamptz not null,
  delta smallint not null,
  day date not null,
  plan text not null,
  coach_id text not null,
  cohort_week date,
  cohort_month date,
  unique (tenant_id, user_id, conversation_id, at, delta)
);
select create_hypertable('analytics.sla_changes', by_range('at', interval '30 days'), create_default_indexes => false);
