-- Revenue, net of refunds, of customers who are no members: it belongs to no signup cohort. Params: :today. Minor units of the
-- reporting currency, unrounded; null while a rate is unknown.
with days as (
  select r.currency, r.day, sum(r.amount) / 1000000 as amount
  from revenue_entries r
  where r.day <= :today::date and not exists (select from members m where m.user_id = r.customer)
  group by 1, 2
)
select case when not coalesce(bool_or(factor is null), false) then coalesce(sum(amount * factor), 0)::double precision end as amount
from (select amount, fx_factor(days.currency, t.currency, day) as factor from days cross join reporting_currency t) converted
