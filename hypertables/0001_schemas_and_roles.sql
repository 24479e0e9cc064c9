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

-- First instant of the period that holds `at`. `at` is a UTC hour start for 'hour', else a local timestamp.
create function public.period_start(granularity text, at timestamp) returns timestamp
  language sql immutable parallel safe
  return case when granularity = 'hour' then at else date_trunc(granularity, at) end;

-- First local day after the period that starts on `day`.
create function public.period_end(granularity text, day date) returns date
  language sql immutable parallel safe
  return (day + case granularity when 'week' then interval '7 days' when 'month' then interval '1 month' else interval '1 day' end)::date;
