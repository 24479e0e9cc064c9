-- Revenue per local day: sums of changes, so that the MRR of any day is a sum that outlives the ledger's rows.
create materialized view analytics.mrr_daily
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false) as
select
  time_bucket(interval '1 day', at) as bucket,
  day,
  tenant_id,
  currency,
  plan,
  provider,
  type,
  sum(delta) as delta
from analytics.mrr_entries
group by 1, 2, 3, 4, 5, 6, 7
with no data;
create index on analytics.mrr_daily (tenant_id, bucket);
select add_continuous_aggregate_policy('analytics.mrr_daily', start_offset => interval '90 days', end_offset => interval '1 day', schedule_interval => interval '1 hour');

-- From the customers' running totals: what mrr_daily is checked against, and how many customers pay.
create materialized view analytics.subscribers_daily
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false) as
select
  time_bucket(interval '1 day', at) as bucket,
  day,
  tenant_id,
  currency,
  type,
  sum(mrr_after) - sum(mrr_before) as balance_delta,
  sum(subscriber_delta) as subscriber_delta
from analytics.mrr_movements
group by 1, 2, 3, 4, 5
with no data;
create index on analytics.subscribers_daily (tenant_id, bucket);
select add_continuous_aggregate_policy('analytics.subscribers_daily', start_offset => interval '90 days', end_offset => interval '1 day', schedule_interval => interval '1 hour');

create materialized view analytics.revenue_daily
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false) as
select
  time_bucket(interval '1 day', at) as bucket,
  day,
  tenant_id,
  currency,
  provider,
  type,
  sum(amount) as amount
from analytics.revenue_entries
group by 1, 2, 3, 4, 5, 6
with no data;
create index on analytics.revenue_daily (tenant_id, bucket);
select add_continuous_aggregate_policy('analytics.revenue_daily', start_offset => interval '90 days', end_offset => interval '1 day', schedule_interval => interval '1 hour');
