-- What customers who still pay took away, positive.
select t, key, round(contraction_mrr)::double precision as value
from mrr_bridge(:granularity, :from_day::date, :to_day::date, :today::date, :group_by, :filters::jsonb)
