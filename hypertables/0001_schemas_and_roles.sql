-- Schemas and roles. Base tables and continuous aggregates live in `analytics` and are granted to nobody;
-- readers see only the tenant-filtered views in `tenant` (docs/adr/0002-tenancy.md).
create extension if not exists timescaledb;

create schema analytics;
create schema tenant;

-- Roles belong to the whole cluster: another database, or a parallel run, may have made them already.
do $$
begin
  create role analytics_api nologin;
exception when duplicate_object or unique_violation then null;
end $$;
do $$
begin
  create role analytics_grafana nologin;
exception when duplicate_object or unique_violation then null;
end $$;

grant usage on schema tenant to analytics_api;

-- The tenant of this transaction. Unset is an error: a forgotten setting fails closed.
create function tenant.id() returns uuid
  language sql stable parallel safe
  return current_setting('app.tenant_id')::uuid;

-- First instant of the period that holds `at`. `at` is the UTC start of an hour for 'hour', else a local timestamp.
create function public.period_start(granularity text, at timestamp) returns timestamp
  language sql immutable parallel safe
  return case when granularity = 'hour' then at else date_trunc(granularity, at) end;

-- The periods that begin in [from_day, to_day); both are period starts.
create function public.periods(granularity text, from_day date, to_day date) returns setof date
  language sql immutable parallel safe
  begin atomic
    select d::date
    from generate_series(
      from_day::timestamp, to_day::timestamp - interval '1 day',
      case granularity when 'week' then interval '7 days' when 'month' then interval '1 month' else interval '1 day' end
    ) d;
  end;

-- First local day after the period that starts on `day`.
create function public.period_end(granularity text, day date) returns date
  language sql immutable parallel safe
  return (day + case granularity when 'week' then interval '7 days' when 'month' then interval '1 month' else interval '1 day' end)::date;

-- How a cohort is named in the API: 2026-W14 and 2026-04.
create function public.cohort_of_week(week date) returns text
  language sql stable parallel safe return to_char(week, 'IYYY-"W"IW');
create function public.cohort_of_month(month date) returns text
  language sql stable parallel safe return to_char(month, 'YYYY-MM');

-- The group of a row under one of the member dimensions; null: not grouped.
create function public.member_dimension(name text, plan text, coach_id text, cohort_week date, cohort_month date) returns text
  language sql stable parallel safe
  return case name
    when 'plan' then plan
    when 'coach' then coach_id
    when 'cohort' then cohort_of_week(cohort_week)
    when 'cohort_month' then cohort_of_month(cohort_month)
  end;

-- Whether a row passes filters {dimension: [values]}; a dimension that is not named does not restrict.
create function public.member_filter(filters jsonb, plan text, coach_id text, cohort_week date, cohort_month date) returns boolean
  language sql stable parallel safe
  return (filters -> 'plan' is null or filters -> 'plan' ? plan)
    and (filters -> 'coach' is null or filters -> 'coach' ? coach_id)
    and (filters -> 'cohort' is null or filters -> 'cohort' ? coalesce(cohort_of_week(cohort_week), ''))
    and (filters -> 'cohort_month' is null or filters -> 'cohort_month' ? coalesce(cohort_of_month(cohort_month), ''));
