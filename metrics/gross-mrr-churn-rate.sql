-- (churn + contraction) / MRR at the start of the period.
select t, key, (churn_mrr + contraction_mrr)::double precision as numerator, (start_mrr)::double precision as denominator
from mrr_bridge(:granularity, :from_day::date, :to_day::date, :today::date, :group_by, :filters::jsonb)
