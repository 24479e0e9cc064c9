-- Distinct members per local day.
select day::timestamp as t, member_dimension(:group_by, plan, coach_id, cohort_week, cohort_month) as key, sum(members)::double precision as value
from members_daily
where day >= :from_day::date and day < :to_day::date
  and member_filter(:filters::jsonb, plan, coach_id, cohort_week, cohort_month)
group by 1, 2
