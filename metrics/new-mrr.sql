-- MRR of first-time customers of the period.
select t, key, round(new_mrr)::double precision as value
from mrr_bridge(:granularity, :from_day::date, :to_day::date, :today::date, :group_by, :filters::jsonb)
