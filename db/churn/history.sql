-- A member's scores, latest first. Params: :user_id, :coach (null: all), :limit.
select day, probability, band, reasons, last_action, model
from churn_scores
where user_id = :user_id::text and (:coach::text is null or coach_id = :coach::text)
order by day desc
limit :limit::integer
