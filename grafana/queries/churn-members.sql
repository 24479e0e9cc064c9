-- The members most at risk on the latest scored day of the range, with the reasons in words.
select r.member as "Member", r.probability as "Probability", r.band as "Band", r.reasons as "Reasons", r.last_action as "Last action",
  r.coach as "Coach", r.plan as "Plan"
from grafana.query(:parameters, $metric$
  select user_id, probability, band, (select string_agg(x ->> 'text', '; ') from jsonb_array_elements(reasons) x), last_action, coach_id, plan
  from churn_scores
  where day = (select max(day) from churn_scores where day >= :from_day and day < :to_day)
    and member_filter(:filters, plan, coach_id, cohort_week, cohort_month)
  order by probability desc, user_id
  limit 100
$metric$) as r(member text, probability double precision, band text, reasons text, last_action date, coach text, plan text)
