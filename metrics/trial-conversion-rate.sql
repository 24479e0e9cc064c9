-- Trials converted in the period / trials that ended in it.
with days as (
  select converted_day as day, plan, 1 as converted, 0 as ended from trials where converted_day is not null
  union all
  select ended_day, plan, 0, 1 from trials where ended_day is not null
)
select period_start(:granularity, day::timestamp) as t, revenue_dimension(:group_by, coalesce(plan, ''), '', '') as key,
  sum(converted)::double precision as numerator, sum(ended)::double precision as denominator
from days
where day >= :from_day::date and day < :to_day::date and day <= :today::date
  and revenue_filter(:filters::jsonb, coalesce(plan, ''), '', '')
group by 1, 2
