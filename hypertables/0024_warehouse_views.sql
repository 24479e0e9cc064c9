-- The warehouse relations of the requirements, derived from the ledgers: one row per member-day and per member.

create view tenant.dim_user with (security_barrier) as
select m.user_id, m.signup_day as signup_date, coalesce(h.plan, '') as plan, m.tenant_id, coalesce(h.coach_id, '') as coach_id
from analytics.members m
left join lateral (
  select plan, coach_id
  from analytics.member_history h
  where h.tenant_id = m.tenant_id and h.user_id = m.user_id
  order by h.valid_from desc
  limit 1
) h on true
where m.tenant_id = tenant.id();

-- Days on which a member did something or paid. chat_sessions: conversations in which the member wrote. revenue_cents:
-- payments less refunds in the tenant's currency, minor units; other currencies are in revenue_entries.
create view tenant.fact_productivity with (security_barrier) as
with parts as (
  select day, user_id, 0 as goals, 0 as habits, null::double precision as mood, 0 as chats, 0::numeric as revenue
  from analytics.member_days
  where tenant_id = tenant.id()
  union all
  select local_hour::date, user_id, completed, 0, null, 0, 0
  from analytics.goal_changes
  where tenant_id = tenant.id() and completed > 0
  union all
  select day, user_id, 0, done, null, 0, 0
  from analytics.habit_days
  where tenant_id = tenant.id() and done > 0
  union all
  select local_hour::date, user_id, 0, 0, (properties ->> 'score')::double precision, 0, 0
  from analytics.events
  where tenant_id = tenant.id() and type = 'mood_logged'
  union all
  select local_hour::date, user_id, 0, 0, null, count(distinct subject_id)::integer, 0
  from analytics.events
  where tenant_id = tenant.id() and type = 'message_sent' and is_action
  group by 1, 2
  union all
  select r.day, m.user_id, 0, 0, null, 0, r.amount / 1000000
  from analytics.revenue_entries r
  join analytics.tenants t on t.id = r.tenant_id and t.currency = r.currency
  join analytics.members m on m.tenant_id = r.tenant_id and r.customer = m.user_id
  where r.tenant_id = tenant.id()
)
select day as date_key, user_id, sum(goals)::integer as goals_completed, sum(habits)::integer as habits_checked,
  avg(mood)::numeric as mood_avg, sum(chats)::integer as chat_sessions, round(sum(revenue))::bigint as revenue_cents
from parts
group by day, user_id;

create view tenant.dim_subscription with (security_barrier) as
select * from analytics.subscriptions where tenant_id = tenant.id();

grant select on tenant.dim_user, tenant.fact_productivity, tenant.dim_subscription to analytics_api;
