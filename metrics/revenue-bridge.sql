-- MRR from the start of each period to its end, rounded to minor units. Parameters as for metrics. Rows by t.
select t, round(start_mrr)::double precision as start, round(new_mrr)::double precision as new,
  round(reactivation_mrr)::double precision as reactivation, round(expansion_mrr)::double precision as expansion,
  round(contraction_mrr)::double precision as contraction, round(churn_mrr)::double precision as churn,
  round(fx)::double precision as fx, round(end_mrr)::double precision as end
from mrr_bridge(:granularity, :from_day::date, :to_day::date, :today::date, null, :filters::jsonb)
order by t
