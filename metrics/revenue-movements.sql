-- The ledger rows behind a movement figure, with the provider events they come from. Params: :from_day, :to_day, :today,
-- :type text (null: all), :after_at timestamptz and :after_customer, :after_currency (the last row of the page before, or
-- null), :limit integer. `amount` is in minor units of the reporting currency, unrounded; contraction and churn are positive
-- when asked for by type, else negative. `total` and `rows` are over all pages.
with ledger as materialized (
  select m.*, fx_factor(m.currency, c.currency, m.day) as factor,
    case when :type::text in ('contraction', 'churn') then -1 else 1 end * m.delta / 1000000 as own_amount
  from mrr_movements m
  cross join reporting_currency c
  where m.day >= :from_day::date and m.day < :to_day::date and m.day <= :today::date
    and (:type::text is null or m.type = :type::text)
),
totals as (
  select count(*) as rows,
    case when not coalesce(bool_or(factor is null), false) then coalesce(round(sum(own_amount * factor)), 0)::double precision end as total
  from ledger
)
select l.at, l.day, l.customer, l.type, upper(l.currency) as currency, l.own_amount::double precision as own_amount,
  l.factor::double precision as fx_factor, (l.own_amount * l.factor)::double precision as amount, l.subscription, l.plan,
  l.provider, l.reason, l.provider_event_ids, t.rows, t.total
from totals t
left join lateral (
  select * from ledger
  where :after_at::timestamptz is null
    or (at, customer, currency) > (:after_at::timestamptz, :after_customer::text, lower(:after_currency::text))
  order by at, customer, currency
  limit :limit::integer
) l on true
order by l.at, l.customer, l.currency
