-- Habit ledger: schedules over time, habit-days (missed days included: the nightly close writes them) and the member's
-- daily summary.

-- What a habit expects from `valid_from` (local day) on, until the next row.
create table analytics.habit_schedules (
  tenant_id uuid not null references analytics.tenants on delete cascade,
  user_id text not null,
  habit_id text not null,
  valid_from date not null,
  -- weekdays: ISO days (1 = Monday) in `days`; times_per_week: `times`; ended: nothing.
  kind text not null check (kind in ('weekdays', 'times_per_week', 'ended')),
  days integer[] not null default '{}',
  times integer not null default 0,
  primary key (tenant_id, user_id, habit_id, valid_from)
);

create table analytics.habit_days (
  tenant_id uuid not null,
  user_id text not null,
  habit_id text not null,
  day date not null,
  kind text not null,
  -- weekdays: 1 on a scheduled day, else 0; times_per_week: n/7 a day, n over a week. 0 on a skipped day.
  expected double precision not null,
  done smallint not null,
  skipped boolean not null,
  -- Consecutive expected days up to this one that were done (times_per_week: days on which the week's target was met).
  streak integer not null,
  unique (tenant_id, user_id, habit_id, day)
);
select create_hypertable('analytics.habit_days', by_range('day', interval '30 days'), create_default_indexes => false);

-- One row per member and local day on which the last 7 days expected something.
create table analytics.habit_member_days (
  tenant_id uuid not null,
  user_id text not null,
  day date not null,
  habits integer not null,
  -- Over the 7 days up to this one: what was expected, and how much of it was done.
  expected double precision not null,
  done double precision not null,
  -- Mean over the member's habits.
  streak double precision not null,
  score double precision not null,
  checked integer not null,
  plan text not null,
  coach_id text not null,
  cohort_week date,
  cohort_month date,
  unique (tenant_id, user_id, day)
);
select create_hypertable('analytics.habit_member_days', by_range('day', interval '30 days'), create_default_indexes => false);

-- Up to which local day the nightly close has run, per tenant.
create table analytics.closed_days (
  tenant_id uuid primary key references analytics.tenants on delete cascade,
  day date not null
);
