-- Where the MRR ledger contradicts itself: entries against movements per day, each customer's running total against the one
-- before, and the daily aggregates against the rows (unless a refresh is outstanding). Always no rows. Returns tenant_id, finding.
select tenant_id, 'entries and movements differ on ' || day as finding
from (
  select tenant_id, currency, day, delta from analytics.mrr_entries
  union all
  select tenant_id, currency, day, -delta from analytics.mrr_movements
) both_sides
group by tenant_id, currency, day
having sum(delta) <> 0
union all
select tenant_id, 'a running total does not continue on ' || day
from (
  select tenant_id, day, mrr_before,
    lag(mrr_after, 1, 0) over (partition by tenant_id, customer, currency order by at) as carried
  from analytics.mrr_movements
) chain
where mrr_before <> carried
union all
select tenant_id, 'the aggregate and its rows differ on ' || day
from (
  select tenant_id, currency, day, delta from analytics.mrr_daily
  union all
  select tenant_id, currency, day, -delta from analytics.mrr_entries
) both_sides
where not exists (select from analytics.touched_ranges where source in ('mrr_entries', 'mrr_movements'))
group by tenant_id, currency, day
having sum(delta) <> 0
limit 100
