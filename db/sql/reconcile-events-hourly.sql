-- Compares the hourly aggregate with the raw events of one window, in one snapshot.
-- Params: :from_at, :to_at timestamptz (whole hours). Returns pending (a refresh of the window is outstanding, so a
-- difference means nothing yet), differing (hour × type × tenant groups), sample (the first of them as jsonb).
with raw as (
  select tenant_id, time_bucket(interval '1 hour', occurred_at) as bucket, type, count(*) as events
  from analytics.events
  where occurred_at >= :from_at::timestamptz and occurred_at < :to_at::timestamptz
  group by 1, 2, 3
),
aggregated as (
  select tenant_id, bucket, type, sum(events)::bigint as events
  from analytics.events_hourly
  where bucket >= :from_at::timestamptz and bucket < :to_at::timestamptz
  group by 1, 2, 3
),
differing as (
  select tenant_id, bucket, type, coalesce(r.events, 0) as raw, coalesce(a.events, 0) as aggregated
  from raw r
  full join aggregated a using (tenant_id, bucket, type)
  where r.events is distinct from a.events
)
select
  exists (
    select from analytics.touched_ranges t
    where t.source = 'events' and t.from_at < :to_at::timestamptz and t.to_at >= :from_at::timestamptz
  ) as pending,
  (select count(*)::integer from differing) as differing,
  (
    select coalesce(jsonb_agg(to_jsonb(d)), '[]')
    from (select * from differing order by bucket, type limit 5) d
  ) as sample
