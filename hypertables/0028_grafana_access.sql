-- Grafana's access (docs/adr/0008-grafana-access.md): whoever logs in for Grafana can send any SQL, so the tenant is decided
-- by the login where it is bound to one, and by a setting only for logins that may read every tenant anyway.
do $$
begin
  create role analytics_operators nologin;
exception when duplicate_object or unique_violation then null;
end $$;
-- What the API's reader may see, a Grafana login may see, of its tenant; operators see every tenant and the platform itself.
-- The owner of the schema serves all tenants. Memberships belong to the cluster, as roles do.
do $$
declare
  membership record;
begin
  for membership in
    select * from (values
      ('analytics_api', 'analytics_grafana'), ('analytics_grafana', 'analytics_operators'), ('analytics_operators', current_user)
    ) m (granted, to_role)
  loop
    if not pg_has_role(membership.to_role, membership.granted, 'member') then
      execute format('grant %I to %I', membership.granted, membership.to_role);
    end if;
  end loop;
exception when unique_violation then null;
end $$;

-- Nothing to create, only reading; save_grafana_login closes temporary tables, too.
revoke create on schema public from public;

-- Logins that read exactly one tenant, whatever they set. A login that is neither here nor an operator reads nothing.
create table analytics.tenant_logins (
  login name primary key,
  tenant_id uuid not null references analytics.tenants on delete cascade,
  created_at timestamptz not null default now()
);

-- The tenant this login is bound to. By session_user: unlike current_user it stays under SET ROLE and in functions, and only
-- a superuser can change it.
create function tenant.of_login() returns uuid
  language plpgsql stable parallel safe security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  bound uuid := (select tenant_id from analytics.tenant_logins where login = session_user);
begin
  if bound is null then
    raise exception 'the login % is bound to no tenant', session_user
      using errcode = 'insufficient_privilege', hint = 'npm run grafana:login binds a login to a tenant.';
  end if;
  return bound;
end $$;

-- The tenant of this transaction: the setting for those who may read every tenant (the API, which sets it from the token, and
-- operators), the binding for everybody else. A single expression, so that views inline it; the owner's name comes first
-- because the API's reads evaluate it per row and a membership costs three times as much.
do $$
begin
  execute format(
    $function$
      create or replace function tenant.id() returns uuid
        language sql stable parallel safe
        return case when session_user = %L or pg_has_role(session_user, 'analytics_operators', 'member')
          then current_setting('app.tenant_id')::uuid else tenant.of_login() end
    $function$,
    current_user
  );
end $$;

-- What was deployed when: marks on the dashboards' time axis.
create table analytics.deploys (
  at timestamptz primary key default now(),
  release text not null
);

create schema grafana;
grant usage on schema grafana to analytics_grafana;

-- The tenants a login may read: its own, or all of them.
create view grafana.tenants with (security_barrier) as
  select id, slug, name, timezone, currency, settings
  from analytics.tenants
  where case when pg_has_role(session_user, 'analytics_operators', 'member') then true else id = tenant.of_login() end;

-- Deploys, and runs of the retention that dropped something. Says nothing about a tenant.
create view grafana.marks as
  select at, 'deploy' as kind, release as title from analytics.deploys
  union all
  select at, 'retention', 'dropped up to ' || max(parameters ->> 'day')
  from analytics.analytics_audit_log
  where action = 'retention.dropped'
  group by at;

-- What a metric's SQL may use (metrics/metric.ts), as db/reader.ts binds it: the range cut outwards to whole periods of the
-- tenant's calendar.
create type grafana.parameters as (
  tenant_id uuid, timezone text, granularity text, grain text, from_at timestamp, to_at timestamp, from_day date, to_day date,
  from_bucket timestamptz, to_bucket timestamptz, today date, now timestamptz, group_by text, filters jsonb, sla_hours integer,
  minor_units numeric
);

-- The granularity nearest to the wanted one that a metric has; 'auto' goes by the length of the range.
create function grafana.granularity(wanted text, has text[], from_time timestamptz, to_time timestamptz) returns text
  language sql immutable parallel safe
  return (
    with sizes as (
      select name, size from unnest(array['hour', 'day', 'week', 'month']) with ordinality s (name, size)
    )
    select h.name
    from sizes w
    cross join sizes h
    where w.name = case when wanted <> 'auto' then wanted
        when to_time - from_time <= interval '3 days' then 'hour' when to_time - from_time <= interval '100 days' then 'day'
        when to_time - from_time <= interval '730 days' then 'week' else 'month' end
      and h.name = any(has)
    -- rather too coarse than too fine
    order by h.size < w.size, abs(h.size - w.size)
    limit 1
  );

-- Filters as the metrics take them, from the values of dashboard variables; '*' is Grafana's "All" and restricts nothing.
create function grafana.filters(plan text[] = null, coach text[] = null, cohort text[] = null, cohort_month text[] = null,
  persona text[] = null, currency text[] = null, provider text[] = null) returns jsonb
  language sql immutable parallel safe
  return (
    select coalesce(jsonb_object_agg(name, chosen), '{}')
    from (values ('plan', plan), ('coach', coach), ('cohort', cohort), ('cohort_month', cohort_month), ('persona', persona),
      ('currency', currency), ('provider', provider)) f (name, chosen)
    where cardinality(chosen) > 0 and not '*' = any(chosen)
  );

-- Parameters of a query for a tenant and the dashboard's range. A bound login gets its own tenant, whatever it names.
create function grafana.parameters(tenant text, from_time timestamptz, to_time timestamptz, granularity text = 'day',
  group_by text = null, filters jsonb = '{}') returns grafana.parameters
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  p grafana.parameters;
  found record;
  zone text;
  step interval := case granularity when 'hour' then interval '1 hour' when 'week' then interval '7 days'
    when 'month' then interval '1 month' else interval '1 day' end;
begin
  select * into found from grafana.tenants t
  where t.slug = tenant or not pg_has_role(session_user, 'analytics_operators', 'member');
  if found.id is null then
    raise exception 'no tenant %', tenant using errcode = 'no_data_found', hint = 'Choose one in the dashboard''s list.';
  end if;
  p.tenant_id := found.id;
  p.timezone := found.timezone;
  p.granularity := granularity;
  p.grain := case granularity when 'hour' then 'hour' else 'day' end;
  -- the local hour's start is named in UTC, everything else by the local day
  zone := case granularity when 'hour' then 'UTC' else p.timezone end;
  p.from_at := (from_time at time zone zone) - (from_time at time zone p.timezone - date_trunc(granularity, from_time at time zone p.timezone));
  p.to_at := (to_time at time zone zone) - (to_time at time zone p.timezone - date_trunc(granularity, to_time at time zone p.timezone));
  if p.to_at < to_time at time zone zone then p.to_at := p.to_at + step; end if;
  if p.to_at <= p.from_at then p.to_at := p.from_at + step; end if;
  if extract(epoch from p.to_at - p.from_at) / extract(epoch from step) > 2000 then
    raise exception 'more than 2000 points' using errcode = 'program_limit_exceeded',
      hint = 'Shorten the time range or choose a coarser granularity.';
  end if;
  p.from_day := (p.from_at at time zone zone at time zone p.timezone)::date;
  p.to_day := (p.to_at at time zone zone at time zone p.timezone)::date + case granularity when 'hour' then 1 else 0 end;
  -- a local day lies within a day of its UTC buckets
  p.from_bucket := p.from_at at time zone zone - interval '1 day';
  p.to_bucket := p.to_at at time zone zone + interval '1 day';
  p.now := now();
  p.today := (now() at time zone p.timezone)::date;
  p.group_by := group_by;
  p.filters := filters;
  p.sla_hours := coalesce((found.settings ->> 'sla_hours')::integer, 24);
  p.minor_units := 10 ^ public.minor_digits(lower(found.currency));
  return p;
end $$;

-- Runs a query of metrics/ as the API does: relations of schema `tenant`, of one tenant. Grafana sends one statement, and a
-- setting made in the statement that reads it may come too late (views are planned with it); here it is made before.
-- `query` names its parameters as the files do: :from_day is that field of `p`, whose values never become text.
create function grafana.query(p grafana.parameters, query text) returns setof record
  language plpgsql
  set search_path = tenant, public
  set app.tenant_id = ''
as $$
begin
  perform set_config('app.tenant_id', p.tenant_id::text, true);
  return query execute regexp_replace(query, '(?<![:\w]):([a-z_]+)\M', '($1).\1', 'g') using p;
end $$;

-- A metric as a time series: one row per period that has begun and group, `value` as db/reader.ts computes it. `time` is the
-- instant at which the period begins in the tenant's zone. `blank` is the value of a period without rows (Metric.empty).
create function grafana.series(p grafana.parameters, query text, blank double precision = null, is_money boolean = false)
  returns table ("time" timestamptz, key text, value double precision, partial boolean)
  language sql
as $$
  with found as materialized (
    select (m.r ->> 't')::timestamp as t, m.r ->> 'key' as key, case
        when m.r ? 'numerator' then (m.r ->> 'numerator')::double precision / nullif((m.r ->> 'denominator')::double precision, 0)
        else (m.r ->> 'value')::double precision
      end as value
    from grafana.query(p, format('select to_jsonb(m) from (%s) m', query)) m (r jsonb)
  ),
  keys as (
    select distinct f.key from found f
    union all
    select null where p.group_by is null and not exists (select from found)
  ),
  periods as (
    select t, t at time zone zone as starts, (t + step) at time zone zone as ends
    from (
      select case p.granularity when 'hour' then 'UTC' else p.timezone end as zone,
        case p.granularity when 'hour' then interval '1 hour' when 'week' then interval '7 days'
          when 'month' then interval '1 month' else interval '1 day' end as step
    ) s
    -- half hours, because a clock may be changed by as much
    cross join lateral generate_series(
      p.from_at, p.to_at - interval '1 second', case p.granularity when 'hour' then interval '30 minutes' else s.step end
    ) t
    where p.granularity <> 'hour' or extract(minute from t at time zone 'UTC' at time zone p.timezone) = 0
  )
  select d.starts, k.key, case when f.t is null then blank else f.value end / case when is_money then p.minor_units else 1 end,
    d.ends > p.now
  from periods d
  cross join keys k
  left join found f on f.t = d.t and f.key is not distinct from k.key
  where d.starts <= p.now
  order by 1, 2
$$;

-- How a value, or its change, stands against a target, as db/cards.ts judges it; null when there is nothing to judge.
create function grafana.status(value double precision, change double precision, target double precision, at_least boolean,
  of_change boolean) returns text
  language sql immutable parallel safe
  return (
    select case
      when judged is null or target is null then null
      when sign * judged >= sign * target then 'on track'
      when sign * judged >= sign * limit_at_risk then 'at risk'
      else 'off track'
    end
    from (
      select case when of_change then change else value end as judged, case when at_least then 1 else -1 end as sign,
        case when of_change then target - case when at_least then 0.02 else -0.02 end
          when at_least then target * 0.9 else target / 0.9 end as limit_at_risk
    ) j
  );

grant select on grafana.tenants, grafana.marks to analytics_grafana;

-- The platform itself, for operators.
create view grafana.ingest as
  select e.bucket, t.slug as tenant, e.type, e.events
  from analytics.events_hourly e
  join analytics.tenants t on t.id = e.tenant_id;

create view grafana.rejected as
  select date_trunc('hour', q.received_at) as bucket, t.slug as tenant, q.source, count(*) as events,
    count(*) filter (where q.replayed_at is null) as open
  from analytics.quarantine q
  join analytics.tenants t on t.id = q.tenant_id
  group by 1, 2, 3;

-- What waits for the workers, by tenant.
create view grafana.backlog as
  select t.slug as tenant, coalesce(m.marks, 0) as marks,
    greatest(0, extract(epoch from now() - least(m.since, w.since)))::double precision as lag_seconds,
    coalesce(w.webhooks, 0) as webhooks
  from analytics.tenants t
  left join (select tenant_id, count(*) as marks, min(marked_at) as since from analytics.dirty_members group by 1) m on m.tenant_id = t.id
  left join (select tenant_id, count(*) as webhooks, min(marked_at) as since from analytics.dirty_revenue group by 1) w on w.tenant_id = t.id;

-- Our recurring jobs and TimescaleDB's policies, which the embedded engine's worker runs and records itself.
create view grafana.jobs as
  select 'job' as kind, name, last_run_at, last_success_at, successes, failures, consecutive_failures, last_error
  from analytics.job_outcomes
  where name not like 'policy %'
  union all
  select 'policy', concat_ws(' ', j.proc_name, j.hypertable_schema || '.' || j.hypertable_name),
    greatest(s.last_run_started_at, o.last_run_at), greatest(s.last_successful_finish, o.last_success_at),
    coalesce(s.total_successes, 0) + coalesce(o.successes, 0), coalesce(s.total_failures, 0) + coalesce(o.failures, 0),
    greatest(case when s.last_run_status = 'Failed' then 1 else 0 end, coalesce(o.consecutive_failures, 0)), o.last_error
  from timescaledb_information.jobs j
  left join timescaledb_information.job_stats s on s.job_id = j.job_id
  left join analytics.job_outcomes o on o.name = 'policy ' || j.job_id
  where j.job_id >= 1000;

-- Up to when each aggregate is materialised; newer rows are read in real time, late ones wait for their refresh.
create view grafana.aggregates as
  select a.user_view_name::text as relation, case when w.watermark > 0 then _timescaledb_functions.to_timestamp(w.watermark) end as watermark,
    j.last_run_at, coalesce(j.consecutive_failures, 0) as consecutive_failures
  from _timescaledb_catalog.continuous_agg a
  left join _timescaledb_catalog.continuous_aggs_watermark w on w.mat_hypertable_id = a.mat_hypertable_id
  left join grafana.jobs j on j.kind = 'policy'
    and j.name = 'policy_refresh_continuous_aggregate ' || a.user_view_schema || '.' || a.user_view_name
  where a.user_view_schema = 'analytics';

create view grafana.chunks as
  select coalesce(a.user_view_name, k.hypertable_name)::text as relation, k.chunk_name::text as chunk, k.range_start, k.range_end,
    k.is_compressed, s.total_bytes + coalesce(s.compressed_total_size, 0) as bytes,
    z.uncompressed_heap_size + z.uncompressed_toast_size + z.uncompressed_index_size as bytes_before,
    z.compressed_heap_size + z.compressed_toast_size + z.compressed_index_size as bytes_after
  from timescaledb_information.chunks k
  join _timescaledb_internal.hypertable_chunk_local_size s on s.chunk_schema = k.chunk_schema and s.chunk_name = k.chunk_name
  left join _timescaledb_catalog.compression_chunk_size z on z.chunk_id = s.chunk_id
  left join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = s.hypertable_id;

-- The 24-month rule: what holds rows of persons (has their id) must hold none older than `cutoff`. A chunk goes when all of it
-- is older, and only after its copy is verified: what is overdue is late or waits for that.
create view grafana.retention as
  select h.hypertable_name::text as relation, c.cutoff, min(k.range_start) as oldest, coalesce(min(k.range_end) < c.cutoff, false) as overdue,
    count(k.chunk_name) as chunks
  from timescaledb_information.hypertables h
  cross join lateral (
    select date_trunc('day', now()) - make_interval(months => greatest(
      coalesce((j.config ->> 'months')::integer, 24), (select max((settings ->> 'retention_months')::integer) from analytics.tenants)
    )) as cutoff
    from timescaledb_information.jobs j
    where j.proc_name = 'enforce_retention'
  ) c
  left join timescaledb_information.chunks k on k.hypertable_schema = h.hypertable_schema and k.hypertable_name = h.hypertable_name
  where h.hypertable_schema = 'analytics' and exists (
    select from pg_attribute a
    join pg_class r on r.oid = a.attrelid
    where r.relname = h.hypertable_name and r.relnamespace = 'analytics'::regnamespace and a.attname = 'user_id' and not a.attisdropped
  )
  group by 1, 2;

grant select on all tables in schema grafana to analytics_operators;

-- Makes or changes a login for Grafana: bound to a tenant, or an operator's (`tenant` null). `secret` is a SCRAM verifier, so
-- that no log sees a password. The settings are what a session starts with; the privileges are SELECT only, whatever it sets.
create procedure analytics.save_grafana_login(login name, secret text, tenant uuid)
  language plpgsql
as $$
begin
  -- a privilege of the database: a copy of it made from a template does not have it
  execute format('revoke temporary on database %I from public', current_database());
  if not exists (select from pg_roles where rolname = login) then
    execute format('create role %I login', login);
  elsif not exists (
    select from pg_auth_members m where m.member = login::regrole and m.roleid in ('analytics_grafana'::regrole, 'analytics_operators'::regrole)
  ) then
    raise exception 'the role % exists and is no login of Grafana', login using errcode = 'duplicate_object';
  end if;
  execute format('alter role %I login connection limit 20 password %L', login, secret);
  execute format('alter role %I set default_transaction_read_only = on', login);
  execute format('alter role %I set statement_timeout = ''30s''', login);
  execute format('alter role %I set idle_in_transaction_session_timeout = ''60s''', login);
  execute format('alter role %I set search_path = grafana, tenant, public', login);
  if tenant is null then
    delete from analytics.tenant_logins t where t.login = save_grafana_login.login;
    execute format('grant analytics_operators to %I', login);
  else
    insert into analytics.tenant_logins as t (login, tenant_id) values (save_grafana_login.login, tenant)
    on conflict on constraint tenant_logins_pkey do update set tenant_id = excluded.tenant_id;
    execute format('grant analytics_grafana to %I', login);
    execute format('revoke analytics_operators from %I', login);
  end if;
end $$;
