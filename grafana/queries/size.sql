-- Bytes of all chunks.
select coalesce(sum(bytes), 0) as "Size" from grafana.chunks
