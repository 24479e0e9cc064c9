-- MRR from the start of each period to its end, in the tenant's currency; what was lost is negative.
select r.t at time zone b.timezone as "time", r."new" / b.minor_units as "New", reactivation / b.minor_units as "Reactivation",
  expansion / b.minor_units as "Expansion", -contraction / b.minor_units as "Contraction", -churn / b.minor_units as "Churn",
  fx / b.minor_units as "Exchange rates"
from :parameters b
cross join lateral :relation
order by 1
