-- Keeps the lease and notes the lag. Params: :tenant uuid, :source, :holder, :generation, :seconds, :lag and :backlog (null: unknown).
-- No row: the lease is another's.
update analytics.source_runners set
  lease_until = now() + make_interval(secs => :seconds),
  lag_seconds = coalesce(:lag::double precision, lag_seconds),
  lag_at = case when :lag::double precision is null then lag_at else now() end,
  backlog = coalesce(:backlog::bigint, backlog)
where tenant_id = :tenant::uuid and source = :source and holder = :holder and generation = :generation::bigint
returning true as held
