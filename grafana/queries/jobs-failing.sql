-- Jobs whose last run failed.
select count(*) filter (where consecutive_failures > 0) as "Failing" from grafana.jobs
