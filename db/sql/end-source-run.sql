-- Notes how a run ended. Params: :tenant uuid, :source, :holder, :generation, :state, :error (null: none), :release.
update analytics.source_runners set
  state = :state,
  errors = errors + case when :error::text is null then 0 else 1 end,
  consecutive_errors = case when :error::text is null then 0 else consecutive_errors + 1 end,
  last_error = coalesce(:error::text, last_error),
  last_error_at = case when :error::text is null then last_error_at else now() end,
  holder = case when :release::boolean then null else holder end,
  lease_until = case when :release::boolean then '-infinity' else lease_until end
where tenant_id = :tenant::uuid and source = :source and holder = :holder and generation = :generation::bigint
returning consecutive_errors
