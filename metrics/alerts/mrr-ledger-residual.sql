-- What the MRR ledger is off by now, in minor units over all currencies. Params: :now.
with changes as (
  select currency, delta as by_plan, 0 as by_customer from mrr_daily
  union all
  select currency, 0, balance_delta from subscribers_daily
),
balances as (
  select currency, abs(sum(by_plan) - sum(by_customer)) / 1000000 as difference
  from changes
  group by 1
)
select :now::timestamptz as time, coalesce(sum(difference), 0)::double precision as value
from balances
