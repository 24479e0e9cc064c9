-- Counts a batch that a source handed over. Params: :tenant uuid, :source, :processed, :accepted, :duplicates, :failed,
-- :lag seconds (null: not known, the last one stands).
insert into analytics.source_runners as r (
  tenant_id, source, processed, accepted, duplicates, failed, lag_seconds, lag_at, last_batch_at
)
values (
  :tenant::uuid, :source, :processed::bigint, :accepted::bigint, :duplicates::bigint, :failed::bigint,
  :lag::double precision, case when :lag::double precision is null then null else now() end, now()
)
on conflict (tenant_id, source) do update set
  processed = r.processed + excluded.processed,
  accepted = r.accepted + excluded.accepted,
  duplicates = r.duplicates + excluded.duplicates,
  failed = r.failed + excluded.failed,
  lag_seconds = coalesce(excluded.lag_seconds, r.lag_seconds),
  lag_at = coalesce(excluded.lag_at, r.lag_at),
  last_batch_at = now()
