-- What the platform's own evaluation says about each alert rule, firing ones first.
select r.rule as "Rule", r.labels as "Of", r.state as "State", r.since as "Since", r.value as "Value"
from grafana.query(:parameters, $metric$
  select rule, nullif(labels::text, '{}'), state, since, value
  from alert_states
  order by array_position(array['firing', 'pending', 'ok', 'no_data'], state), rule
$metric$) as r(rule text, labels text, state text, since timestamptz, value double precision)
