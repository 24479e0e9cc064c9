-- How far each continuous aggregate is materialised.
select relation as "Aggregate", watermark as "Materialised up to", extract(epoch from now() - watermark)::double precision as "Behind",
  last_run_at as "Last refresh", consecutive_failures as "Failures in a row"
from grafana.aggregates
order by 3 desc nulls last, 1
