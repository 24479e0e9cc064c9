-- Notes numbers of a device's events that have arrived. Params: :tenant uuid, :device, :numbers jsonb [n…], :most ranges
-- to remember, :shown ranges to answer with. Returns received_up_to (all up to there are here) and missing [{from,to}].
with arrived as (
  select range_agg(int8range(n::bigint, n::bigint, '[]')) as numbers from jsonb_array_elements_text(:numbers::jsonb) t (n)
),
merged as (
  insert into analytics.device_sequences as d (tenant_id, device_id, received)
  select :tenant::uuid, :device, numbers from arrived
  on conflict (tenant_id, device_id) do update set
    received = analytics.newest_ranges(d.received + excluded.received, :most::integer),
    updated_at = now()
  returning received, int8multirange(int8range(1, upper(received))) - received as gaps
)
select
  case when isempty(gaps) then upper(received) - 1 else lower(gaps) - 1 end as received_up_to,
  coalesce(
    (
      select jsonb_agg(jsonb_build_object('from', lower(gap), 'to', upper(gap) - 1) order by gap)
      from (select gap from unnest(gaps) gap order by gap limit :shown::integer) first
    ),
    '[]'
  ) as missing
from merged
