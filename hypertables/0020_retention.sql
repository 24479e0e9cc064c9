-- The 24-month rule: raw events and user-level ledgers are dropped, tenant-level aggregates stay. One procedure instead of
-- one policy per table, because open entities must leave their state behind first and because the months are one setting.

-- Months of user-level rows to keep: the job's setting, or the longest that a tenant asks for.
create function analytics.retention_months(config jsonb) returns integer
  language sql stable
  return greatest(
    coalesce((config ->> 'months')::integer, 24),
    (select max((settings ->> 'retention_months')::integer) from analytics.tenants)
  );

create procedure analytics.enforce_retention(job_id integer, config jsonb)
  language plpgsql
as $$
declare
  cutoff timestamptz := date_trunc('day', now()) - make_interval(months => analytics.retention_months(config));
  relation text;
begin
  -- A goal that is still open when its rows go: the fold begins from here afterwards.
  insert into analytics.ledger_openings (tenant_id, kind, user_id, key, as_of, state)
  select tenant_id, 'goal', user_id, goal_id, occurred_at,
    jsonb_build_object('state', state, 'plan', plan, 'coach_id', coach_id, 'cohort_week', cohort_week, 'cohort_month', cohort_month)
  from (
    select distinct on (tenant_id, user_id, goal_id) *
    from analytics.goal_changes
    where occurred_at < cutoff
    order by tenant_id, user_id, goal_id, occurred_at desc, event_id desc
  ) last
  where state = 'open'
  on conflict (tenant_id, kind, user_id, key) do update set as_of = excluded.as_of, state = excluded.state;

  foreach relation in array array['events', 'sessions', 'member_hours', 'goal_changes', 'replies', 'sla_changes', 'nudges'] loop
    perform drop_chunks(format('analytics.%I', relation)::regclass, older_than => cutoff);
  end loop;
  foreach relation in array array['member_days', 'presence', 'habit_days', 'habit_member_days', 'nudge_free_days'] loop
    perform drop_chunks(format('analytics.%I', relation)::regclass, older_than => cutoff::date);
  end loop;

  delete from analytics.event_corrections where occurred_at < cutoff;
  delete from analytics.quarantine where received_at < cutoff;
end $$;

select add_job('analytics.enforce_retention', schedule_interval => interval '1 day', config => '{"months": 24}');
