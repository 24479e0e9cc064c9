-- Relations that hold rows older than the retention allows.
select count(*) filter (where overdue) as "Overdue" from grafana.retention
