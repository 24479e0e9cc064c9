-- One row: the latest period that is over, the one before, the change between them and how that stands against the target.
with points as (
  select value, row_number() over (order by "time" desc) as n
  from :series
  where not partial and (value is not null or not :matures)
),
latest as (
  select max(value) filter (where n = 1) as value, max(value) filter (where n = 2) as previous
  from points
),
changed as (
  select value, previous, (value - previous) / nullif(previous, 0) as change
  from latest
)
select :title as "Metric", value as "Value", previous as "Before", change as "Change", :target::double precision as "Target",
  grafana.status(value, change, :target, :at_least, :of_change) as "Status"
from changed
