-- A page of a day's scores, highest risk first. Params: :day, :band (null: all), :filters, :after_probability and
-- :after_user (the last row of the page before, or null), :limit.
select s.user_id, s.probability, s.band, s.reasons, s.last_action, s.day - s.last_action as days_since_last_action, s.plan,
  s.coach_id, s.model, before.probability as previous
from churn_scores s
left join churn_scores before on before.day = :day::date - 7 and before.user_id = s.user_id
where s.day = :day::date
  and (:band::text is null or s.band = :band::text)
  and member_filter(:filters::jsonb, s.plan, s.coach_id, s.cohort_week, s.cohort_month)
  and (
    :after_probability::double precision is null
    or s.probability < :after_probability::double precision
    or (s.probability = :after_probability::double precision and s.user_id > :after_user::text)
  )
order by s.probability desc, s.user_id
limit :limit::integer
