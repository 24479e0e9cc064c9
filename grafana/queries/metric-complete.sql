-- A metric over the periods that are over.
select "time", value as :title
from :series
where not partial
order by 1
