-- TimescaleDB's policies as our worker runs them: the embedded engine stores policies but has no scheduler.
-- No params. Returns id, name, interval_seconds, lag_seconds (since the last success should have come), due, failures,
-- consecutive_failures, last_error.
select
  j.job_id as id,
  concat_ws(' ', j.proc_name, j.hypertable_schema || '.' || j.hypertable_name) as name,
  extract(epoch from j.schedule_interval)::double precision as interval_seconds,
  greatest(0, extract(epoch from now() - greatest(coalesce(o.last_success_at, o.first_seen_at), pg_postmaster_start_time()) - j.schedule_interval))::double precision as lag_seconds,
  case
    when o.last_run_at is null then now() >= o.first_seen_at + least(j.schedule_interval, interval '5 minutes')
    when o.consecutive_failures > 0 then now() >= o.last_run_at + least(j.retry_period, j.schedule_interval)
    -- A run compresses a bounded number of chunks: while some are left, it is due again at once.
    when j.proc_name = 'policy_compression' and exists (
      select from timescaledb_information.chunks c
      where c.hypertable_schema = j.hypertable_schema and c.hypertable_name = j.hypertable_name
        and not c.is_compressed and c.range_end < now() - (j.config ->> 'compress_after')::interval
    ) then true
    else now() >= o.last_run_at + j.schedule_interval
  end as due,
  o.failures,
  o.consecutive_failures,
  o.last_error
from timescaledb_information.jobs j
join analytics.job_outcomes o on o.name = 'policy ' || j.job_id
where j.scheduled and j.job_id >= 1000
order by o.last_run_at nulls first, j.job_id
