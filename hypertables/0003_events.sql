-- Raw events: append-only, one chunk per day. Identity: tenant + event_id + occurred_at as the sender said it.
create table analytics.events (
  tenant_id uuid not null,
  event_id text not null,
  -- When it happened (UTC): as sent, or corrected for the sender's clock (then claimed_at holds what was sent).
  occurred_at timestamptz not null,
  claimed_at timestamptz,
  received_at timestamptz not null default now(),
  -- The tenant's wall clock, cut to the hour, stamped at ingest: a KPI day is `local_hour::date`.
  local_hour timestamp not null,
  type text not null,
  user_id text not null,
  session_id text,
  -- The goal, habit, nudge, conversation, task or AI session that the event is about.
  subject_id text,
  source text,
  -- true: a tracked action of the member; false: a system event (nudge sent, coach or AI message, profile change).
  is_action boolean not null,
  -- Dimensions at the time of the event; '' = unknown. Late profile events correct them (member ledger).
  plan text not null default '',
  coach_id text not null default '',
  cohort_week date,
  cohort_month date,
  properties jsonb not null default '{}',
  -- Of the stored content: same identity with another hash is reported as a conflict.
  content_hash bigint not null,
  unique (tenant_id, event_id, occurred_at)
);

select create_hypertable('analytics.events', by_range('occurred_at', interval '1 day'), create_default_indexes => false);

-- The one query index: ledgers read one member's events in time order.
create index events_member_time on analytics.events (tenant_id, user_id, occurred_at);

alter table analytics.events set (
  timescaledb.compress,
  timescaledb.compress_segmentby = 'tenant_id',
  timescaledb.compress_orderby = 'user_id, occurred_at'
);
select add_compression_policy('analytics.events', interval '7 days');

-- Which instant a clock-corrected event got the first time it was seen: a retry with another offset counts once.
create table analytics.event_corrections (
  tenant_id uuid not null references analytics.tenants on delete cascade,
  event_id text not null,
  claimed_at timestamptz not null,
  occurred_at timestamptz not null,
  primary key (tenant_id, event_id, claimed_at)
);

-- Rejected events, kept (PII already replaced) until replayed after a fix or expired.
create table analytics.quarantine (
  id bigint generated always as identity primary key,
  tenant_id uuid not null references analytics.tenants on delete cascade,
  received_at timestamptz not null default now(),
  source text not null default 'api',
  errors jsonb not null,
  body jsonb not null,
  sent_at timestamptz,
  replayed_at timestamptz
);
create index quarantine_open on analytics.quarantine (tenant_id, id) where replayed_at is null;
