-- Takes or keeps the lease of a source. Params: :tenant uuid, :source, :holder, :seconds. No row: another holds it.
insert into analytics.source_runners as r (tenant_id, source, state, holder, generation, lease_until, started_at)
values (:tenant::uuid, :source, 'running', :holder, 1, now() + make_interval(secs => :seconds), now())
on conflict (tenant_id, source) do update set
  state = 'running',
  holder = excluded.holder,
  generation = case when r.holder = excluded.holder then r.generation else r.generation + 1 end,
  lease_until = excluded.lease_until,
  started_at = now()
where r.holder is null or r.holder = excluded.holder or r.lease_until < now()
returning generation, position
