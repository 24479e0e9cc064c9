-- MRR won / MRR lost in the period.
select t, key, (new_mrr + reactivation_mrr + expansion_mrr)::double precision as numerator, (contraction_mrr + churn_mrr)::double precision as denominator
from mrr_bridge(:granularity, :from_day::date, :to_day::date, :today::date, :group_by, :filters::jsonb)
