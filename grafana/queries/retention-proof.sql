-- The oldest rows of persons by relation, against the day before which there must be none.
select relation as "Relation", oldest as "Oldest rows from", cutoff as "Must not be older than", chunks as "Chunks",
  case when overdue then 'overdue' else 'kept' end as "Rule"
from grafana.retention
order by overdue desc, relation
