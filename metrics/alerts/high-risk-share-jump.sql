-- Change of the share of high-risk members against 7 days before, at the end of each closed local day. Params: :from_at, :now.
with shares as (
  select c.day, x.timezone, sum(c.high)::double precision / sum(c.members) as share
  from churn_daily c
  cross join alert_context x
  where c.day >= (:from_at::timestamptz at time zone x.timezone)::date - 7
    and c.day < (:now::timestamptz at time zone x.timezone)::date
  group by c.day, x.timezone
  having sum(c.members) >= 10
)
select (s.day + 1)::timestamp at time zone s.timezone as time, s.share - before.share as value
from shares s
join shares before on before.day = s.day - 7
where s.day >= (:from_at::timestamptz at time zone s.timezone)::date
order by 1
