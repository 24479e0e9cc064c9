-- What movements added to MRR in the period.
select t, key, round(new_mrr + reactivation_mrr + expansion_mrr - contraction_mrr - churn_mrr)::double precision as value
from mrr_bridge(:granularity, :from_day::date, :to_day::date, :today::date, :group_by, :filters::jsonb)
