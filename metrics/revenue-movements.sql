-- The ledger rows behind a movement figure, with the provider events they come from. Params: :from_day, :to_day, :today,
-- :type text (null: all), :filters (plan, currency, provider), :after_at timestamptz and :after_customer, :after_currency,
-- :after_subscription, :after_plan (the last row of the page before, or null), :limit integer. With filters the rows are the
-- parts of movements per subscription and plan: a customer may change one plan and keep another. `amount` is in minor units of the
-- reporting currency, unrounded; contraction and churn are positive when asked for by type, else negative. `total` and `rows` are
-- over all pages.
with parts as (
  select customer, currency, at, day, type, delta, subscription, plan, provider, reason, provider_event_ids
  from mrr_movements
  where :filters::jsonb = '{}'
  union all
  select customer, currency, at, day, type, delta, subscription, plan, provider, reason, provider_event_ids
  from mrr_entries
  where :filters::jsonb <> '{}' and revenue_filter(:filters::jsonb, plan, currency, provider)
),
ledger as materialized (
  select m.*, fx_factor(m.currency, c.currency, m.day) as factor,
    case when :type::text in ('contraction', 'churn') then -1 else 1 end * m.delta / 1000000 as own_amount
  from parts m
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
    or (at, customer, currency, subscription, plan)
      > (:after_at::timestamptz, :after_customer::text, lower(:after_currency::text), :after_subscription::text, :after_plan::text)
  order by at, customer, currency, subscription, plan
  limit :limit::integer
) l on true
order by l.at, l.customer, l.currency, l.subscription, l.plan
