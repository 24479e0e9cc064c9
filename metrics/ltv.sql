-- ARPU / subscriber churn rate.
select p.t, '' as key,
  round(b.end_mrr / nullif(p.paying, 0) * (p.paying_before + p.came) / nullif(p.churned, 0))::double precision as value
from paying_customers(:granularity, :from_day::date, :to_day::date, :today::date) p
left join mrr_bridge(:granularity, :from_day::date, :to_day::date, :today::date, :group_by, :filters::jsonb) b using (t)
