-- Activity ledger: sessions, member-hours, member-days and presence (membership of the 7- and 30-day windows).

-- One row per session: consecutive actions of one member with one session_id ('' = none sent), gaps up to the limit.
create table analytics.sessions (
  tenant_id uuid not null,
  user_id text not null,
  session_id text not null default '',
  started_at timestamptz not null,
  ended_at timestamptz not null,
  events integer not null,
  active_seconds double precision not null,
  unique (tenant_id, user_id, session_id, started_at)
);
select create_hypertable('analytics.sessions', by_range('started_at', interval '7 days'), create_default_indexes => false);

-- One row per member and local hour in which the member did something. `hour` is the instant at which it began.
create table analytics.member_hours (
  tenant_id uuid not null,
  user_id text not null,
  hour timestamptz not null,
  local_hour timestamp not null,
  actions integer not null,
  active_seconds double precision not null,
  sessions integer not null,
  plan text not null,
  coach_id text not null,
  cohort_week date,
  cohort_month date,
  unique (tenant_id, user_id, hour, local_hour)
);
select create_hypertable('analytics.member_hours', by_range('hour', interval '7 days'), create_default_indexes => false);

-- One row per member and local day with at least one action. The flags make distinct counts additive:
-- the members of a calendar week are the rows that are the member's first in that week, and so on.
create table analytics.member_days (
  tenant_id uuid not null,
  user_id text not null,
  day date not null,
  actions integer not null,
  active_seconds double precision not null,
  sessions integer not null,
  first_in_week boolean not null,
  first_in_month boolean not null,
  -- First active day in the member's n-th week since signing up (days 7n..7n+6).
  first_in_signup_week boolean not null,
  -- The member's latest active day so far: rolling retention counts these.
  is_last boolean not null,
  signup_day date,
  signup_plan text not null,
  signup_coach_id text not null,
  plan text not null,
  coach_id text not null,
  cohort_week date,
  cohort_month date,
  unique (tenant_id, user_id, day)
);
select create_hypertable('analytics.member_days', by_range('day', interval '30 days'), create_default_indexes => false);

-- Changes of window membership: +1 on the day a member enters the trailing 7- or 30-day window, -1 on the day he leaves
-- it (written ahead). WAU and MAU of any day are sums of these, exact, additive and independent of dropped rows.
-- A member counts under the dimensions of his latest active day.
create table analytics.presence (
  tenant_id uuid not null,
  user_id text not null,
  day date not null,
  plan text not null,
  coach_id text not null,
  cohort_week date,
  cohort_month date,
  wau_delta smallint not null,
  mau_delta smallint not null,
  unique (tenant_id, user_id, day, plan, coach_id)
);
select create_hypertable('analytics.presence', by_range('day', interval '30 days'), create_default_indexes => false);
