-- (MRR at the end of the period - MRR three months before) / the latter.
with days as materialized (
  select t::date as day, key, end_mrr
  from mrr_bridge('day', :from_day::date - 93, :to_day::date, :today::date, :group_by, :filters::jsonb)
),
ends as (
  select p as period, least(period_end(:granularity, p) - 1, :today::date) as last_day
  from periods(:granularity, :from_day::date, :to_day::date) p
  where p <= :today::date
)
select e.period::timestamp as t, now.key, (now.end_mrr - before.end_mrr)::double precision as numerator,
  before.end_mrr::double precision as denominator
from ends e
join days now on now.day = e.last_day
join days before on before.day = (e.last_day - interval '3 months')::date and before.key = now.key
