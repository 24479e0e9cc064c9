-- Every refit of the model, the latest first: whether it was taken into use, and why.
select r.trained_at as "Trained", r.accepted as "In use", r.reason as "Reason", r.members as "Members", r.observations as "Observations"
from grafana.query(:parameters, $metric$
  select trained_at, accepted, reason, members, observations from churn_models order by id desc limit 20
$metric$) as r(trained_at timestamptz, accepted boolean, reason text, members integer, observations integer)
