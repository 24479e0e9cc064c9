-- Who read, exported, erased or changed what. Append-only: no role but the owner may update or delete.
create table analytics.analytics_audit_log (
  at timestamptz not null default now(),
  tenant_id uuid not null,
  actor text not null,
  role text not null,
  action text not null,
  route text not null,
  parameters jsonb not null default '{}',
  status integer not null,
  request_id text not null
);
select create_hypertable('analytics.analytics_audit_log', by_range('at', interval '7 days'), create_default_indexes => false);
create index audit_by_tenant on analytics.analytics_audit_log (tenant_id, at desc);
