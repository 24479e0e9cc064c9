-- The last scored day, and how many members each band held on it. Params: :filters.
select p.scored_day as day, coalesce(sum(c.members), 0)::integer as members, coalesce(sum(c.high), 0)::integer as high,
  coalesce(sum(c.medium), 0)::integer as medium, coalesce(sum(c.low), 0)::integer as low
from churn_progress p
left join churn_daily c on c.day = p.scored_day and member_filter(:filters::jsonb, c.plan, c.coach_id, c.cohort_week, c.cohort_month)
where p.scored_day is not null
group by p.scored_day
