-- What the scores of a tenant's members on the given local days are made of, counted only from what happened by the end of
-- each day, and whether the member then fell silent (null while that is not known). Params: :tenant_id, :days date[],
-- :population_days (members with an action in that many days), :lookback_days (for the usual gap), :horizon_days, :known_day
-- (last closed local day). Rows: day, user_id, last_day, the facts of metrics/churn/features.ts, churned, dimensions.
with clock as materialized (
  select timezone from analytics.tenants where id = :tenant_id::uuid
),
days as materialized (
  select d.day, (d.day + 1)::timestamp at time zone c.timezone as ends_at
  from unnest(:days::date[]) d (day)
  cross join clock c
),
bounds as materialized (
  select min(day) as first_day, max(day) as last_day, min(ends_at) as first_end, max(ends_at) as last_end from days
),
active as materialized (
  select user_id, day
  from analytics.member_days
  where tenant_id = :tenant_id::uuid
    and day > (select first_day from bounds) - :lookback_days::integer
    and day <= (select last_day from bounds) + :horizon_days::integer
),
population as materialized (
  select d.day, d.ends_at, a.user_id,
    max(a.day) filter (where a.day <= d.day) as last_day,
    min(a.day) filter (where a.day <= d.day) as first_day,
    count(*) filter (where a.day <= d.day) as active_days,
    count(*) filter (where a.day <= d.day and a.day > d.day - 14) as recent_days,
    count(*) filter (where a.day <= d.day - 14 and a.day > d.day - 42) as earlier_days,
    count(*) filter (where a.day > d.day) = 0 as is_silent
  from days d
  join active a on a.day > d.day - :lookback_days::integer and a.day <= d.day + :horizon_days::integer
  group by 1, 2, 3
  having max(a.day) filter (where a.day <= d.day) > d.day - :population_days::integer
),
-- By the day on which they were made: a check made later for an earlier day is not known yet.
checks as materialized (
  select user_id, local_hour::date as day, count(distinct subject_id) as checks
  from analytics.events
  where tenant_id = :tenant_id::uuid and type = 'habit_checked'
    and occurred_at >= (select first_end from bounds) - interval '44 days'
    and occurred_at < (select last_end from bounds)
  group by 1, 2
),
checked as materialized (
  select d.day, c.user_id,
    sum(c.checks) filter (where c.day > d.day - 14) as recent_checks,
    sum(c.checks) filter (where c.day <= d.day - 14) as earlier_checks
  from days d
  join checks c on c.day <= d.day and c.day > d.day - 42
  group by 1, 2
),
-- Runs that waited at the end of the day, whether or not somebody has answered since.
waits as materialized (
  select user_id, asked_at, replied_at
  from analytics.replies
  where tenant_id = :tenant_id::uuid and replied_at >= (select first_end from bounds)
    and asked_at < (select last_end from bounds)
  union all
  select user_id, asked_at, 'infinity'
  from analytics.waiting_messages
  where tenant_id = :tenant_id::uuid and asked_at < (select last_end from bounds)
),
waiting as materialized (
  select d.day, w.user_id, count(*) as unanswered
  from days d
  join waits w on w.asked_at < d.ends_at and w.replied_at >= d.ends_at
  group by 1, 2
),
nudged as materialized (
  select user_id, sent_at
  from analytics.nudges
  where tenant_id = :tenant_id::uuid and not followed
    and sent_at > (select first_end from bounds) - interval '14 days'
    and sent_at <= (select last_end from bounds) - interval '24 hours'
),
ignored as materialized (
  select d.day, n.user_id, count(*) as nudges
  from days d
  join nudged n on n.sent_at > d.ends_at - interval '14 days' and n.sent_at <= d.ends_at - interval '24 hours'
  group by 1, 2
),
failed as materialized (
  select distinct s.customer as user_id, f.fact ->> 'subscription' as subscription, (f.fact ->> 'at')::timestamptz as at
  from analytics.revenue_facts f
  join analytics.subscriptions s on s.tenant_id = f.tenant_id and s.subscription = f.fact ->> 'subscription'
  where f.tenant_id = :tenant_id::uuid and f.kind = 'billing_issue'
    and (f.fact ->> 'at')::timestamptz >= (select first_end from bounds) - interval '30 days'
    and (f.fact ->> 'at')::timestamptz < (select last_end from bounds)
),
paid as materialized (
  select r.subscription, r.at
  from analytics.revenue_entries r
  where r.tenant_id = :tenant_id::uuid and r.type = 'recurring'
    and r.at >= (select first_end from bounds) - interval '30 days' and r.at < (select last_end from bounds)
),
billing as materialized (
  select distinct d.day, f.user_id
  from days d
  join failed f on f.at < d.ends_at and f.at >= d.ends_at - interval '30 days'
  where not exists (
    select from paid p where p.subscription = f.subscription and p.at > f.at and p.at < d.ends_at
  )
)
select p.day, p.user_id, p.last_day,
  p.day - p.last_day as days_since,
  p.active_days, p.last_day - p.first_day as active_span, p.recent_days, p.earlier_days,
  greatest(p.day - (m.first_action_at at time zone c.timezone)::date, 0) as tenure_days,
  coalesce(k.recent_checks, 0)::integer as recent_checks, coalesce(k.earlier_checks, 0)::integer as earlier_checks,
  coalesce(w.unanswered, 0) as unanswered, coalesce(i.nudges, 0) as ignored_nudges,
  b.user_id is not null as billing_issue,
  case when p.day + :horizon_days::integer <= :known_day::date then p.is_silent end as churned,
  coalesce(h.plan, '') as plan, coalesce(h.coach_id, '') as coach_id,
  date_trunc('week', m.signup_day)::date as cohort_week, date_trunc('month', m.signup_day)::date as cohort_month
from population p
cross join clock c
join analytics.members m on m.tenant_id = :tenant_id::uuid and m.user_id = p.user_id
left join checked k on k.day = p.day and k.user_id = p.user_id
left join waiting w on w.day = p.day and w.user_id = p.user_id
left join ignored i on i.day = p.day and i.user_id = p.user_id
left join billing b on b.day = p.day and b.user_id = p.user_id
left join lateral (
  select plan, coach_id
  from analytics.member_history h
  where h.tenant_id = :tenant_id::uuid and h.user_id = p.user_id and h.valid_from < p.ends_at
  order by h.valid_from desc
  limit 1
) h on true
order by p.day, p.user_id
