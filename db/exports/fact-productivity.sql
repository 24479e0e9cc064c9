-- Member-days, oldest first. Params: :from, :to (days, exclusive).
select date_key, user_id, goals_completed, habits_checked, mood_avg::double precision as mood_avg, chat_sessions,
  revenue_cents
from fact_productivity
where date_key >= :from::date and date_key < :to::date
order by date_key, user_id
