-- Customers with MRR at the end of the period: the sum of everyone who came and went.
select t, '' as key, paying::double precision as value
from paying_customers(:granularity, :from_day::date, :to_day::date, :today::date)
