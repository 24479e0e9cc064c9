-- Every member's score of the last scored day in the range, highest risk first. Params: :from, :to (days, exclusive), :band, :coach (null: all).
select day, user_id, probability, band, plan, coach_id, last_action, day - last_action as days_since_last_action,
  reasons::text as reasons, model
from churn_scores
where day = (select max(day) from churn_scores where day >= :from::date and day < :to::date)
  and (:band::text is null or band = :band::text)
  and (:coach::text is null or coach_id = :coach::text)
order by day, probability desc, user_id
