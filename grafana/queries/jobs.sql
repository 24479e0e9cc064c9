-- Recurring jobs and policies, failing ones first.
select kind as "Kind", name as "Name", last_run_at as "Last run", last_success_at as "Last success", successes as "Successes",
  failures as "Failures", consecutive_failures as "Failures in a row", last_error as "Last error"
from grafana.jobs
order by consecutive_failures desc, kind, name
