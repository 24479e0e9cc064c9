-- Notes a settled batch and where the source goes on. Params: :tenant uuid, :source, :holder, :generation,
-- :position jsonb (null: unchanged), :processed, :accepted, :duplicates, :failed, :lag. No row: the lease is another's.
update analytics.source_runners set
  position = coalesce(:position::jsonb, position),
  processed = processed + :processed::bigint,
  accepted = accepted + :accepted::bigint,
  duplicates = duplicates + :duplicates::bigint,
  failed = failed + :failed::bigint,
  consecutive_errors = 0,
  lag_seconds = coalesce(:lag::double precision, lag_seconds),
  lag_at = case when :lag::double precision is null then lag_at else now() end,
  last_batch_at = now()
where tenant_id = :tenant::uuid and source = :source and holder = :holder and generation = :generation::bigint
returning true as held
