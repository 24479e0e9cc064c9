-- Minutes that the tenant's numbers are behind, now. Params: :now.
select :now::timestamptz as time,
  (greatest(extract(epoch from :now::timestamptz - least(e.fresh_until, r.fresh_until)), 0) / 60)::double precision as value
from freshness e
cross join revenue_freshness r
