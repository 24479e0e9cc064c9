-- The landing zone's books, retention that waits for it, erasure of members, and an audit log that cannot be rewritten.

-- Parquet files in the object store, each as its manifest describes it.
create table analytics.landed_files (
  tenant_id uuid not null references analytics.tenants on delete cascade,
  -- events, fact_productivity, dim_user, dim_subscription
  dataset text not null,
  -- Events: UTC day; facts: local day; as YYYY-MM-DD. Dimensions: 'all'.
  part text not null,
  object_key text not null,
  rows bigint not null,
  min_at timestamptz,
  max_at timestamptz,
  -- Sum of the rows' digests: the same over the file and over the table, in any order.
  fingerprint numeric not null,
  bytes bigint not null,
  sha256 text not null,
  schema_version integer not null,
  landed_at timestamptz not null default now(),
  -- When file, manifest and database were last found to agree.
  verified_at timestamptz,
  primary key (tenant_id, dataset, part)
);

-- Days whose stored events were changed in place (corrected dimensions, erasure); a late event shows in the row count.
create table analytics.landing_marks (
  id bigint generated always as identity primary key,
  tenant_id uuid not null,
  day date not null
);

-- What one event's file row and table row have in common, 60 bits of it; db/landing/events.ts computes the same of files.
create function analytics.event_digest(e analytics.events) returns bigint
  language sql stable parallel safe
  return ('x' || substr(md5(concat_ws('|',
    e.event_id, (extract(epoch from e.occurred_at) * 1000000)::bigint, (extract(epoch from e.received_at) * 1000000)::bigint,
    to_char(e.local_hour, 'YYYY-MM-DD HH24'), e.type, e.user_id, coalesce(e.session_id, ''), coalesce(e.subject_id, ''),
    coalesce(e.source, ''), e.is_action::integer, e.plan, e.coach_id, coalesce(to_char(e.cohort_week, 'YYYY-MM-DD'), ''),
    coalesce(to_char(e.cohort_month, 'YYYY-MM-DD'), ''), e.properties::text
  )), 1, 15))::bit(60)::bigint;

-- What stands between the events of a range and their being dropped: one row per tenant and UTC day, reason null when nothing.
create function analytics.landing_gaps(from_at timestamptz, to_at timestamptz)
  returns table (tenant_id uuid, day date, rows bigint, object_key text, sha256 text, reason text)
  language sql stable
as $$
  with stored as (
    select e.tenant_id, (e.occurred_at at time zone 'UTC')::date as day, count(*) as rows,
      sum(analytics.event_digest(e)::numeric) as fingerprint
    from analytics.events e
    where e.occurred_at >= from_at and e.occurred_at < to_at
    group by 1, 2
  )
  select s.tenant_id, s.day, s.rows, f.object_key, f.sha256,
    case
      when f.part is null then 'not landed'
      when f.rows <> s.rows or f.fingerprint <> s.fingerprint then 'changed since it was landed'
      when f.verified_at is null or f.verified_at < now() - interval '3 days' then 'not verified in the last 3 days'
    end
  from stored s
  left join analytics.landed_files f
    on f.tenant_id = s.tenant_id and f.dataset = 'events' and f.part = to_char(s.day, 'YYYY-MM-DD')
$$;

create table analytics.retention_state (
  only_row boolean primary key default true check (only_row),
  -- false: days are dropped without a verified copy. Set by `npm run retention -- require-landing off`.
  require_landing boolean not null default true,
  -- Raw events before this day are gone.
  dropped_before date
);
insert into analytics.retention_state default values;

-- Events are dropped from the oldest day on, up to the first whose landing copy is not verified: never a day in between,
-- because refreshes are kept above the oldest chunk and would empty the aggregates of a hole. Ledgers go with their events.
create or replace procedure analytics.enforce_retention(job_id integer, config jsonb)
  language plpgsql
as $$
declare
  cutoff timestamptz := date_trunc('day', now()) - make_interval(months => analytics.retention_months(config));
  keep_from timestamptz := cutoff;
  is_gated boolean := (select require_landing from analytics.retention_state);
  has_dropped boolean := false;
  chunk record;
  relation record;
begin
  for chunk in
    select range_start, range_end from timescaledb_information.chunks
    where hypertable_schema = 'analytics' and hypertable_name = 'events' and range_end <= cutoff
    order by range_start
  loop
    if is_gated and exists (select from analytics.landing_gaps(chunk.range_start, chunk.range_end) where reason is not null) then
      keep_from := chunk.range_start;
      exit;
    end if;
    -- The proof of what is dropped below, in the same transaction.
    insert into analytics.analytics_audit_log (tenant_id, actor, role, action, route, parameters, status, request_id)
    select tenant_id, 'retention', 'system', 'retention.dropped', 'analytics.enforce_retention',
      jsonb_build_object('day', day, 'rows', rows, 'object_key', object_key, 'sha256', sha256, 'verified', reason is null),
      200, 'job ' || job_id
    from analytics.landing_gaps(chunk.range_start, chunk.range_end);
    has_dropped := true;
  end loop;

  -- A goal that is still open when its rows go: the fold begins from here afterwards.
  insert into analytics.ledger_openings (tenant_id, kind, user_id, key, as_of, state)
  select tenant_id, 'goal', user_id, goal_id, occurred_at,
    jsonb_build_object('state', state, 'plan', plan, 'coach_id', coach_id, 'cohort_week', cohort_week, 'cohort_month', cohort_month)
  from (
    select distinct on (tenant_id, user_id, goal_id) *
    from analytics.goal_changes
    where occurred_at < keep_from
    order by tenant_id, user_id, goal_id, occurred_at desc, event_id desc
  ) last
  where state = 'open'
  on conflict (tenant_id, kind, user_id, key) do update set as_of = excluded.as_of, state = excluded.state;

  -- Whatever has a row per member and time.
  for relation in
    select h.hypertable_name as name, d.column_type::text as time_type
    from timescaledb_information.hypertables h
    join timescaledb_information.dimensions d using (hypertable_schema, hypertable_name)
    where h.hypertable_schema = 'analytics' and d.dimension_number = 1 and exists (
      select from information_schema.columns c
      where c.table_schema = 'analytics' and c.table_name = h.hypertable_name and c.column_name = 'user_id'
    )
  loop
    if relation.time_type = 'date' then
      perform drop_chunks(format('analytics.%I', relation.name)::regclass, older_than => (keep_from at time zone 'UTC')::date);
    else
      perform drop_chunks(format('analytics.%I', relation.name)::regclass, older_than => keep_from);
    end if;
  end loop;

  delete from analytics.event_corrections where occurred_at < keep_from;
  delete from analytics.quarantine where received_at < cutoff;
  if has_dropped then
    update analytics.retention_state set dropped_before = (keep_from at time zone 'UTC')::date;
  end if;
end $$;

-- Who may never come back: keyed hashes, which every way in checks. Written only under an exclusive lock, so that whatever
-- was being stored meanwhile is either finished, and erased, or sees the row.
create table analytics.erased_members (
  tenant_id uuid not null references analytics.tenants on delete cascade,
  member_hash text not null,
  erased_at timestamptz not null default now(),
  primary key (tenant_id, member_hash)
);

create table analytics.erasures (
  id uuid primary key default gen_random_uuid(),
  tenant_id uuid not null references analytics.tenants on delete cascade,
  member_hash text not null,
  -- The member's id, for as long as something is left to erase.
  subject text,
  requested_by text not null,
  request_id text not null,
  requested_at timestamptz not null default now(),
  completed_at timestamptz,
  -- Rows erased or rewritten so far, by what they were in.
  counts jsonb not null default '{}',
  receipt jsonb,
  unique (tenant_id, member_hash),
  check ((completed_at is null) = (subject is not null) and (completed_at is null) = (receipt is null))
);

-- Deletes a member's rows from every table that has a tenant and a member, whichever migration made it; raw events go
-- before, in pieces. Returns one row per table that had any: how many, and the instants they were of (null: no time).
create function analytics.erase_member(tenant uuid, member text)
  returns table (source text, rows bigint, from_at timestamptz, to_at timestamptz)
  language plpgsql
as $$
declare
  relation record;
begin
  for relation in
    select c.relname as name, case d.column_type::text
        when 'date' then format('(%I::timestamp at time zone ''UTC'')', d.column_name)
        else coalesce(quote_ident(d.column_name), 'null::timestamptz')
      end as instant
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'analytics'
    left join timescaledb_information.dimensions d
      on d.hypertable_schema = n.nspname and d.hypertable_name = c.relname and d.dimension_number = 1
    where c.relkind = 'r' and c.relname <> 'events'
      and (select count(*) from pg_attribute a where a.attrelid = c.oid and a.attname in ('tenant_id', 'user_id')) = 2
    order by 1
  loop
    source := relation.name;
    execute format(
      'with gone as (delete from analytics.%I where tenant_id = $1 and user_id = $2 returning %s as at)
       select count(*), min(at), max(at) from gone', relation.name, relation.instant
    ) into rows, from_at, to_at using tenant, member;
    if rows > 0 then
      return next;
    end if;
  end loop;
end $$;

-- Nobody, the owner included, rewrites the audit log. The one exception: an erasure replaces a member's id in parameters.
create function analytics.keep_audit_log() returns trigger
  language plpgsql
as $$
begin
  if tg_op = 'UPDATE' and current_setting('analytics.audit_exception', true) = 'erasure'
    and to_jsonb(new) - 'parameters' = to_jsonb(old) - 'parameters' then
    return new;
  end if;
  raise exception 'the audit log is append-only' using errcode = 'insufficient_privilege';
end $$;
create trigger audit_append_only before update or delete on analytics.analytics_audit_log
  for each row execute function analytics.keep_audit_log();
create trigger audit_no_truncate before truncate on analytics.analytics_audit_log
  for each statement execute function analytics.keep_audit_log();
