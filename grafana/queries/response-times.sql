-- Exact response times over the range, and who waits now.
select replies as "Replies", percentiles[1] as "p50", percentiles[2] as "p75", percentiles[3] as "p90", percentiles[4] as "p95",
  within_sla_share as "Within SLA", waiting as "Waiting now", waiting_over_sla as "Over SLA now"
from :relation
