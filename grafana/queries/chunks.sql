-- Chunks, sizes and compression by relation.
select relation as "Relation", count(*) as "Chunks", count(*) filter (where is_compressed) as "Compressed", sum(bytes) as "Size",
  sum(bytes_before) as "Before compression", sum(bytes_after) as "After compression",
  sum(bytes_before)::double precision / nullif(sum(bytes_after), 0) as "Ratio", min(range_start) as "Oldest", max(range_end) as "Newest"
from grafana.chunks
group by 1
order by 4 desc, 1
