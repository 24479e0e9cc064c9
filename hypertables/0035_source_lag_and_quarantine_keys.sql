-- Sources that hand their messages over (webhooks, mobile sync, imports) have no worker that could measure a lag: theirs is
-- how late the newest message of the last batch came. It stands until the next one: nobody can know whether more waits.
create or replace view analytics.source_status as
select t.slug as tenant, r.tenant_id, r.source,
  case
    when r.generation = 0 then 'pushed'
    when r.state <> 'stopped' and r.lease_until < now() then 'lost'
    else r.state
  end as state,
  case
    when r.generation = 0 then r.lag_seconds
    when r.state = 'stopped' then null
    else coalesce(r.lag_seconds, 0) + greatest(extract(epoch from now() - coalesce(r.lag_at, r.started_at)) - 15, 0)
  end::double precision as lag_seconds,
  case when r.state <> 'stopped' then r.backlog end as backlog,
  r.processed, r.accepted, r.duplicates, r.failed, r.errors, r.consecutive_errors, r.last_error, r.last_error_at,
  r.last_batch_at, r.started_at
from analytics.source_runners r
join analytics.tenants t on t.id = r.tenant_id;

-- What is refused again, because its batch or the whole delivery is repeated, is kept once: a digest of source and body.
-- Null: kept before there were digests.
alter table analytics.quarantine add column message_key text;
create unique index quarantine_once on analytics.quarantine (tenant_id, message_key) where replayed_at is null;
