-- Failures in a row of each recurring job, now. Params: :now.
select :now::timestamptz as time, name as job, consecutive_failures::double precision as value
from recurring_jobs
where last_run_at >= :now::timestamptz - interval '7 days'
order by 2
