-- 12 × MRR at the end of the period.
select t, key, round(12 * end_mrr)::double precision as value
from mrr_bridge(:granularity, :from_day::date, :to_day::date, :today::date, :group_by, :filters::jsonb)
