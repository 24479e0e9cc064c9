-- MRR by plan at the end of the range (or today), largest first. Parameters as for metrics. The name is the latest known.
select b.key as plan, coalesce(n.plan_name, b.key) as name, round(b.end_mrr)::double precision as mrr
from mrr_bridge(
  'day', least(:to_day::date - 1, :today::date), least(:to_day::date - 1, :today::date) + 1, :today::date, 'plan', :filters::jsonb
) b
left join (
  select distinct on (plan) plan, plan_name from subscriptions where plan_name is not null order by plan, started_at desc
) n on n.plan = b.key
where b.end_mrr is null or round(b.end_mrr) <> 0
order by b.end_mrr desc nulls last, b.key
