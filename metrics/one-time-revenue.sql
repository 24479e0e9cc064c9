-- One-time purchases less refunds, converted at each day's rate; null while a currency has no rate at all.
with days as (
  select day, revenue_dimension(:group_by, '', r.currency, provider) as key,
    sum(amount) / 1000000 * fx_factor(r.currency, c.currency, day) as amount
  from revenue_daily r
  cross join reporting_currency c
  where type in ('one_time', 'refund') and day >= :from_day::date and day < :to_day::date
    and bucket >= :from_bucket::timestamptz and bucket < :to_bucket::timestamptz
    and revenue_filter(:filters::jsonb, '', r.currency, provider)
  group by day, 2, r.currency, c.currency
)
select period_start(:granularity, day::timestamp) as t, key,
  case when not bool_or(amount is null) then round(sum(amount))::double precision end as value
from days
group by 1, 2
