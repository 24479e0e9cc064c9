-- Churned MRR of the last 7 days against the upper edge of its band over the 90 days before, at the end of each closed
-- local day. Params: :from_at, :now.
with range as (
  select (:from_at::timestamptz at time zone timezone)::date as from_day, (:now::timestamptz at time zone timezone)::date as today,
    timezone
  from alert_context
),
daily as (
  select b.t::date as day, b.churn_mrr, b.start_mrr, r.timezone, r.from_day
  from range r
  cross join lateral mrr_bridge('day', r.from_day - 103, r.today, r.today - 1, null, jsonb_build_object()) b
),
weekly as (
  select day, timezone, from_day, start_mrr,
    sum(churn_mrr) over (order by day rows between 6 preceding and current row) as churned,
    count(churn_mrr) over (order by day rows between 6 preceding and current row) as days,
    count(*) filter (where start_mrr > 0) over (order by day) as paid_days
  from daily
),
banded as (
  select *,
    avg(churned) filter (where days = 7 and paid_days > 7) over before
      + 2 * stddev_pop(churned) filter (where days = 7 and paid_days > 7) over before as upper,
    first_value(start_mrr) over (order by day rows between 6 preceding and current row) as mrr
  from weekly
  window before as (order by day rows between 96 preceding and 7 preceding)
)
select (day + 1)::timestamp at time zone timezone as time,
  (churned / greatest(upper, 0.01 * mrr))::double precision as value
from banded
where day >= from_day and days = 7 and paid_days >= 30 and greatest(upper, 0.01 * mrr) > 0
order by 1
