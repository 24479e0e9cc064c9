-- Churned in 30 days / (paying 30 days ago + new in them).
select t, '' as key, churned::double precision as numerator, (paying_before + came)::double precision as denominator
from paying_customers(:granularity, :from_day::date, :to_day::date, :today::date)
