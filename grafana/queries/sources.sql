-- Every tenant's sources: who runs, how far behind, what became of what was read.
select tenant as "Tenant", source as "Source", state as "State", lag_seconds as "Behind", backlog as "Waiting",
  processed as "Processed", accepted as "New", failed as "Quarantined", errors as "Errors", last_error as "Last error",
  last_error_at as "At"
from sources
order by state in ('running', 'waiting', 'stopped'), lag_seconds desc nulls last
