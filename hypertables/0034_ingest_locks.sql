-- Hardly any tenant has events whose times were corrected: one look tells, instead of a search for every event of a batch.

-- Whether any event of the tenant was corrected. Takes the lock of `known_corrections` (0031) first and sees what was committed
-- until then: while it is held, no first correction is made.
create function analytics.has_corrections(tenant uuid) returns boolean
  language plpgsql volatile
as $$
begin
  perform pg_advisory_xact_lock_shared(7302103, hashtext(tenant::text));
  return exists (select from analytics.event_corrections c where c.tenant_id = tenant);
end $$;
