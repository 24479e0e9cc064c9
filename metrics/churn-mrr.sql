-- MRR of customers who stopped paying, positive.
select t, key, round(churn_mrr)::double precision as value
from mrr_bridge(:granularity, :from_day::date, :to_day::date, :today::date, :group_by, :filters::jsonb)
