-- Sums of changes against the customers' running totals, at the end of each period, plus what the bridge is off by. Always 0.
with changes as (
  select day, currency, sum(delta) as by_plan, 0 as by_customer from mrr_daily
  where day < :to_day::date and day <= :today::date
  group by 1, 2
  union all
  select day, currency, 0, sum(balance_delta) from subscribers_daily
  where day < :to_day::date and day <= :today::date
  group by 1, 2
),
ends as (
  select p as period, least(period_end(:granularity, p) - 1, :today::date) as last_day
  from periods(:granularity, :from_day::date, :to_day::date) p
  where p <= :today::date
),
balances as (
  select e.period, c.currency, abs(sum(c.by_plan) - sum(c.by_customer)) / 1000000 as difference
  from ends e join changes c on c.day <= e.last_day
  group by 1, 2
),
bridge as (
  select t,
    abs(start_mrr + new_mrr + reactivation_mrr + expansion_mrr - contraction_mrr - churn_mrr + fx - end_mrr) as difference
  from mrr_bridge(:granularity, :from_day::date, :to_day::date, :today::date, null, jsonb_build_object())
)
-- a difference below a millionth of a minor unit is the last digit of a quotient of rates
select t, '' as key, sum(difference)::double precision as value
from (
  select period::timestamp as t, difference from balances
  union all
  select t, difference from bridge where difference > 0.000001
) found
group by 1
