-- Share of high-risk members of each coach per closed local day, at the end of that day. Params: :from_at, :now.
select (c.day + 1)::timestamp at time zone x.timezone as time, c.coach_id as coach,
  sum(c.high)::double precision / sum(c.members) as value
from churn_daily c
cross join alert_context x
where c.coach_id <> ''
  and c.day >= (:from_at::timestamptz at time zone x.timezone)::date
  and c.day < (:now::timestamptz at time zone x.timezone)::date
group by c.day, c.coach_id, x.timezone
having sum(c.members) >= 5
order by 1, 2
