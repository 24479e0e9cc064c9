-- What exchange rates alone did to MRR in the period.
select t, key, round(fx)::double precision as value
from mrr_bridge(:granularity, :from_day::date, :to_day::date, :today::date, :group_by, :filters::jsonb)
