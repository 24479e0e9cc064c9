-- Tenants with closed local days that have not been scored, once everything received of those days is counted. Before the
-- first scoring an import may still be running: then nothing of the past may have arrived in the last minutes. Params: none.
with state as (
  select t.id as tenant_id, t.timezone, p.scored_day, p.fitted_day,
    (now() at time zone t.timezone)::date - 1 as last_day,
    date_trunc('day', now() at time zone t.timezone) at time zone t.timezone as ends_at
  from analytics.tenants t
  left join analytics.churn_progress p on p.tenant_id = t.id
)
select s.tenant_id, s.last_day, s.scored_day, s.fitted_day
from state s
where (s.scored_day is null or s.scored_day < s.last_day)
  and not exists (select from analytics.dirty_members d where d.tenant_id = s.tenant_id and d.since < s.ends_at)
  and not exists (select from analytics.dirty_revenue d where d.tenant_id = s.tenant_id)
  and exists (
    select from analytics.member_days m
    where m.tenant_id = s.tenant_id and m.day <= s.last_day and m.day > s.last_day - 120
  )
  and (
    s.scored_day is not null
    or not exists (
      select from analytics.events e
      where e.tenant_id = s.tenant_id and e.occurred_at < s.ends_at and e.occurred_at >= s.ends_at - interval '120 days'
        and e.received_at > now() - interval '2 minutes'
    )
  )
order by s.tenant_id
