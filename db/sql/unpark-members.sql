-- Takes members out of the parking, to be folded from their first unfolded event on. Params: :members jsonb
-- [{tenant_id,user_id}]. Returns tenant_id, user_id, types, since.
delete from analytics.parked_members p
using jsonb_to_recordset(:members::jsonb) as m (tenant_id uuid, user_id text)
where p.tenant_id = m.tenant_id and p.user_id = m.user_id
returning p.tenant_id, p.user_id, p.types, p.since
