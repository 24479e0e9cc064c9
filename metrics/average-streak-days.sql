-- Mean streak over member-days.
select period_start(:granularity, day::timestamp) as t, member_dimension(:group_by, plan, coach_id, cohort_week, cohort_month) as key, sum(streak) as numerator, sum(members)::double precision as denominator
from habits_daily
where day >= :from_day::date and day < least(:to_day::date, :today::date + 1)
  and member_filter(:filters::jsonb, plan, coach_id, cohort_week, cohort_month)
group by 1, 2
