-- A metric over time: one series.
select "time", value as :title
from :series
order by 1
