-- Sets the oldest mark of the tenant that has waited longest aside. Params: :error text. Returns how many events it was.
with taken as (
  delete from analytics.dirty_revenue d
  using (select id from analytics.dirty_revenue order by id limit 1) t
  where d.id = t.id
  returning d.tenant_id, d.provider, d.event_id, d.marked_at
),
parked as (
  insert into analytics.parked_revenue as p (tenant_id, provider, event_id, marked_at, error)
  select tenant_id, provider, event_id, marked_at, :error from taken
  on conflict (tenant_id, provider, event_id) do update set
    marked_at = least(p.marked_at, excluded.marked_at), failures = p.failures + 1, error = excluded.error
  returning 1
)
select count(*)::integer as events from parked
