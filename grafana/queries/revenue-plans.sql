-- MRR by plan at the end of the range.
select r.name as "Plan", r.mrr / b.minor_units as "MRR"
from :parameters b
cross join lateral :relation
order by 2 desc nulls last, 1
