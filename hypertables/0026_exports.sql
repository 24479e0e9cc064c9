-- Exports: what was asked for and how far it is. The queue only says that there is work; this table says what.

create table analytics.report_jobs (
  id uuid primary key default gen_random_uuid(),
  tenant_id uuid not null references analytics.tenants on delete cascade,
  type text not null,
  format text not null check (format in ('csv', 'pdf', 'parquet')),
  status text not null default 'queued'
    check (status in ('queued', 'running', 'completed', 'failed', 'cancelled', 'expired')),
  -- The validated question, ranges resolved (db/exports/payload.ts); params as they were sent stand beside it.
  payload jsonb not null,
  params jsonb not null,
  -- Key of the file in the object store while the export is completed.
  s3_url text,
  requested_by text not null,
  readable_by text[] not null,
  -- Whether the file has rows of single members: an erasure withdraws it.
  contains_members boolean not null,
  idempotency_key text,
  request_hash text not null,
  progress smallint not null default 0 check (progress between 0 and 100),
  rows bigint,
  bytes bigint,
  sha256 text,
  error text,
  attempts smallint not null default 0,
  not_before timestamptz not null default now(),
  -- The run that may write the outcome, and until when it must have shown that it lives.
  run uuid,
  lease_until timestamptz,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz,
  expires_at timestamptz,
  check ((status = 'running') = (run is not null)),
  check (status <> 'completed' or (s3_url is not null and sha256 is not null and expires_at is not null))
);
create unique index report_jobs_idempotency on analytics.report_jobs (tenant_id, requested_by, idempotency_key)
  where idempotency_key is not null;
create index report_jobs_by_tenant on analytics.report_jobs (tenant_id, created_at desc, id);
create index report_jobs_open on analytics.report_jobs (created_at) where status in ('queued', 'running');
create index report_jobs_expiring on analytics.report_jobs (expires_at) where status = 'completed';

create view tenant.report_jobs with (security_barrier) as
  select * from analytics.report_jobs where tenant_id = tenant.id();
grant select on tenant.report_jobs to analytics_api;

-- Text that a spreadsheet would run as a formula is given an apostrophe, as csv-stringify does.
create function tenant.spreadsheet_safe(value text) returns text
  language sql immutable parallel safe
  return case when left(value, 1) in ('=', '+', '-', '@', e'\t', e'\r', '＝', '＋', '－', '＠') then '''' || value else value end;
