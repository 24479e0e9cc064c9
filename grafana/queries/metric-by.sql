-- A metric over time by group: one series per group, named by the column `metric`.
select "time", coalesce(nullif(key, ''), '(none)') as metric, value
from :series
order by 1, 2
