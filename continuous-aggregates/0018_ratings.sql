-- AI session ratings and moods per local day, straight from raw events.
create materialized view analytics.ratings_daily
with (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false) as
select
  time_bucket(interval '1 day', occurred_at) as bucket,
  local_hour::date as day,
  tenant_id,
  type,
  plan,
  coach_id,
  cohort_week,
  cohort_month,
  count(*) as events,
  sum((properties ->> case type when 'ai_session_rated' then 'rating' when 'mood_logged' then 'score' end)::double precision) as total,
  count(*) filter (where type = 'ai_session_rated' and (properties ->> 'rating')::double precision >= 4) as top_two
from analytics.events
where type in ('ai_session_rated', 'ai_session_ended', 'mood_logged', 'task_completed')
group by 1, 2, 3, 4, 5, 6, 7, 8
with no data;
create index on analytics.ratings_daily (tenant_id, bucket);
select add_continuous_aggregate_policy('analytics.ratings_daily', start_offset => interval '60 days', end_offset => interval '1 day', schedule_interval => interval '1 hour');
