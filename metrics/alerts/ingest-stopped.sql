-- Hours without events until now against the longest silence of the 28 days before. Params: :now.
with hours as (
  select bucket, lag(bucket) over (order by bucket) as before
  from ingest_hours
  where bucket >= :now::timestamptz - interval '28 days' and bucket <= :now::timestamptz
),
silences as (
  select max(bucket) as last, count(*) as hours, max(extract(epoch from bucket - before) / 3600 - 1) as longest
  from hours
)
select :now::timestamptz as time,
  (greatest(extract(epoch from :now::timestamptz - last) / 3600 - 1, 0) / greatest(longest, 2))::double precision as value
from silences
where hours >= 24
