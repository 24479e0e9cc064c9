-- Takes the oldest marks of the tenant that has waited longest. Params: :limit integer. Returns tenant_id, provider, event_id.
delete from analytics.dirty_revenue d
using (
  select id from analytics.dirty_revenue
  where tenant_id = (select tenant_id from analytics.dirty_revenue order by id limit 1)
  order by id limit :limit::integer
) t
where d.id = t.id
returning d.tenant_id, d.provider, d.event_id
