-- Goal ledger: one row per real state change of a goal; repeats collapse.

-- The state of a goal after one more event. States: none, open, completed, abandoned.
create function analytics.goal_next(state text, change text) returns text
  language sql immutable parallel safe
  return case change
    when 'created' then case state when 'none' then 'open' else state end
    when 'reopened' then 'open'
    when 'completed' then 'completed'
    when 'abandoned' then case state when 'completed' then state else 'abandoned' end
    else state
  end;
create aggregate analytics.goal_state(change text) (sfunc = analytics.goal_next, stype = text, initcond = 'none');

create table analytics.goal_changes (
  tenant_id uuid not null,
  user_id text not null,
  goal_id text not null,
  occurred_at timestamptz not null,
  event_id text not null,
  local_hour timestamp not null,
  state text not null,
  created smallint not null,
  reopened smallint not null,
  completed smallint not null,
  abandoned smallint not null,
  -- Change of the number of open goals.
  open_delta smallint not null,
  -- As they were when the goal was opened, so that every change of it counts in one group.
  plan text not null,
  coach_id text not null,
  cohort_week date,
  cohort_month date,
  unique (tenant_id, user_id, goal_id, occurred_at, event_id)
);
select create_hypertable('analytics.goal_changes', by_range('occurred_at', interval '30 days'), create_default_indexes => false);
