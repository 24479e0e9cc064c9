-- TimescaleDB's policies as its own scheduler runs them. A run counts whether or not it is reported as a success: minor
-- releases of PostgreSQL have made committed runs report Failed, so lag is judged by the effect, failures are shown apart.
-- No params. Returns id, name, interval_seconds, lag_seconds, due, failures, consecutive_failures, last_error.
select
  j.job_id as id,
  concat_ws(' ', j.proc_name, j.hypertable_schema || '.' || j.hypertable_name) as name,
  extract(epoch from j.schedule_interval)::double precision as interval_seconds,
  greatest(0, extract(epoch from now() - greatest(s.last_run_started_at, pg_postmaster_start_time()) - j.schedule_interval))::double precision as lag_seconds,
  false as due,
  coalesce(s.total_failures, 0) as failures,
  case when s.last_run_status = 'Failed' then 1 else 0 end as consecutive_failures,
  (
    select e.err_message
    from timescaledb_information.job_errors e
    where e.job_id = j.job_id
    order by e.start_time desc
    limit 1
  ) as last_error
from timescaledb_information.jobs j
left join timescaledb_information.job_stats s on s.job_id = j.job_id
where j.scheduled and j.job_id >= 1000
order by j.job_id
