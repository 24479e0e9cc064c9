-- Scores of a range of days per coach against what came of them; days whose 30 days are not over are left out.
-- Params: :tenant_id, :from_at, :to_at, :horizon_days.
with scores as (
  select (c.day + 1)::timestamp at time zone t.timezone as time, c.coach_id, c.band,
    not exists (
      select from analytics.member_days m
      where m.tenant_id = c.tenant_id and m.user_id = c.user_id and m.day > c.day
        and m.day <= c.day + :horizon_days::integer
    ) as silent
  from analytics.churn_scores c
  join analytics.tenants t on t.id = c.tenant_id
  join analytics.churn_progress p on p.tenant_id = c.tenant_id
  where c.tenant_id = :tenant_id::uuid
    and c.day >= (:from_at::timestamptz at time zone t.timezone)::date
    and c.day < (:to_at::timestamptz at time zone t.timezone)::date
    and c.day + :horizon_days::integer <= p.scored_day
)
select time, coach_id as coach, count(*) as members, count(*) filter (where silent) as silent,
  count(*) filter (where band = 'high') as high, count(*) filter (where band = 'high' and silent) as high_silent
from scores
group by 1, 2
order by 1, 2
