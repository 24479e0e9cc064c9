-- Sources that a tenant has switched on: who runs each, how far it has read, how it is doing.
create table analytics.source_runners (
  tenant_id uuid not null references analytics.tenants on delete cascade,
  source text not null check (source ~ '^[a-z][a-z0-9_]{0,62}$'),
  state text not null default 'stopped' check (state in ('running', 'waiting', 'failing', 'stopped')),
  -- Which worker process runs it, until when without a sign of life. `generation` grows with every change of hands:
  -- what a former holder still wants to write is refused.
  holder text,
  generation bigint not null default 0,
  lease_until timestamptz not null default '-infinity',
  -- Where the source goes on; its shape is the source's own. Never moves before its events are durable.
  position jsonb,
  -- Messages read and settled; what became of their events; messages that ended in the quarantine.
  processed bigint not null default 0,
  accepted bigint not null default 0,
  duplicates bigint not null default 0,
  failed bigint not null default 0,
  -- Runs that ended with an error.
  errors bigint not null default 0,
  consecutive_errors integer not null default 0,
  last_error text,
  last_error_at timestamptz,
  -- How far behind the source was when it was last measured.
  lag_seconds double precision,
  lag_at timestamptz,
  -- What waits on the other side, in its own unit: entries, messages, bytes of log.
  backlog bigint,
  last_batch_at timestamptz,
  started_at timestamptz,
  primary key (tenant_id, source)
);

-- For operations: a lag that nobody measures any more grows by itself.
create view analytics.source_status as
select t.slug as tenant, r.tenant_id, r.source,
  case when r.state <> 'stopped' and r.lease_until < now() then 'lost' else r.state end as state,
  case
    when r.state = 'stopped' then null
    else coalesce(r.lag_seconds, 0) + greatest(extract(epoch from now() - coalesce(r.lag_at, r.started_at)) - 15, 0)
  end::double precision as lag_seconds,
  case when r.state <> 'stopped' then r.backlog end as backlog,
  r.processed, r.accepted, r.duplicates, r.failed, r.errors, r.consecutive_errors, r.last_error, r.last_error_at,
  r.last_batch_at, r.started_at
from analytics.source_runners r
join analytics.tenants t on t.id = r.tenant_id;

create view tenant.sources with (security_barrier) as
select source, state, lag_seconds, backlog, processed, accepted, duplicates, failed, errors, consecutive_errors, last_error,
  last_error_at, last_batch_at, started_at
from analytics.source_status where tenant_id = tenant.id();

grant select on tenant.sources to analytics_api;

-- For operators' dashboards: every tenant's sources.
create view grafana.sources as
  select tenant, source, state, lag_seconds, backlog, processed, accepted, duplicates, failed, errors, last_error, last_error_at
  from analytics.source_status;
grant select on grafana.sources to analytics_operators;
