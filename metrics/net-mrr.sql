-- MRR at the end of the period, from the sums of all changes.
select t, key, round(end_mrr)::double precision as value
from mrr_bridge(:granularity, :from_day::date, :to_day::date, :today::date, :group_by, :filters::jsonb)
