-- Nudge ledger: one row per delivered nudge with what followed within 24 hours, and the baseline beside it.
create table analytics.nudges (
  tenant_id uuid not null,
  user_id text not null,
  nudge_id text not null,
  sent_at timestamptz not null,
  local_hour timestamp not null,
  hour timestamptz not null,
  persona text not null,
  channel text not null,
  -- A qualifying action of the member in (sent_at, sent_at + 24 h].
  followed boolean not null,
  -- Opened or acted on through the nudge in that time.
  direct boolean not null,
  plan text not null,
  coach_id text not null,
  cohort_week date,
  cohort_month date,
  unique (tenant_id, user_id, nudge_id, sent_at)
);
select create_hypertable('analytics.nudges', by_range('sent_at', interval '7 days'), create_default_indexes => false);

-- Local days that are over, of members who got a nudge in the 30 days before, without a nudge on it or the day before:
-- how often do the same members act unprompted?
create table analytics.nudge_free_days (
  tenant_id uuid not null,
  user_id text not null,
  day date not null,
  acted boolean not null,
  plan text not null,
  coach_id text not null,
  cohort_week date,
  cohort_month date,
  unique (tenant_id, user_id, day)
);
select create_hypertable('analytics.nudge_free_days', by_range('day', interval '30 days'), create_default_indexes => false);
