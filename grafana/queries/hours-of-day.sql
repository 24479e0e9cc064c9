-- One series per hour of the tenant's day, one point per day.
select date_trunc('day', s."time" at time zone z.timezone) at time zone z.timezone as "time",
  to_char(s."time" at time zone z.timezone, 'HH24') as metric, sum(s.value) as value
from :series s
cross join grafana.parameters(${tenant:sqlstring}, $__timeFrom(), $__timeTo()) z
group by 1, 2
order by 1, 2
