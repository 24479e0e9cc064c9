-- The model in use (the latest accepted refit) and the latest refit, which may be the same row. Takes no parameters.
select id, trained_at, as_of, accepted, reason, members, observations, nullif(model, 'null') as model,
  nullif(evaluation, 'null') as evaluation
from churn_models
where id = (select max(id) from churn_models where accepted) or id = (select max(id) from churn_models)
order by id desc
