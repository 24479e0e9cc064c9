-- The exchange rates a tenant's money depends on. Params: :today date. Per currency of the ledger that is not the reporting
-- one: the day of the latest rate used for today, null when there is no rate at all.
select upper(u.currency) as currency,
  (select max(day) from fx_rates f where f.currency = u.currency and f.day <= :today::date) as rate_day,
  fx_factor(u.currency, c.currency, :today::date) is null as missing
from (
  select distinct currency from (
    select currency from mrr_daily union all select currency from revenue_daily
    union all
    -- the reporting currency's own rate matters as soon as another currency is there
    select c.currency from reporting_currency c
    where exists (select from mrr_daily d where d.currency <> c.currency)
  ) used
) u
cross join reporting_currency c
where u.currency <> 'eur' and (u.currency <> c.currency or exists (select from mrr_daily d where d.currency <> c.currency))
order by 1
