-- A member-day's mood and chats come from raw events, all there are: they were read twice as a whole. Now once, and those of the
-- last days, which are not compressed, by an index of the two types.
create index events_moods_and_chats on analytics.events (tenant_id, (local_hour::date), user_id)
  where type in ('message_sent', 'mood_logged');

create or replace view tenant.fact_productivity with (security_barrier) as
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
  select local_hour::date, user_id, 0, 0,
    avg((properties ->> 'score')::double precision) filter (where type = 'mood_logged'),
    count(distinct subject_id) filter (where type = 'message_sent')::integer, 0
  from analytics.events
  where tenant_id = tenant.id() and type in ('message_sent', 'mood_logged') and (is_action or type = 'mood_logged')
  group by 1, 2
  union all
  select r.day, m.user_id, 0, 0, null, 0, r.amount / 1000000 * tenant.fx_factor(r.currency, c.currency, r.day)
  from analytics.revenue_entries r
  cross join tenant.reporting_currency c
  join analytics.members m on m.tenant_id = r.tenant_id and r.customer = m.user_id
  where r.tenant_id = tenant.id()
)
select day as date_key, user_id, sum(goals)::integer as goals_completed, sum(habits)::integer as habits_checked,
  avg(mood)::numeric as mood_avg, sum(chats)::integer as chat_sessions,
  case when not bool_or(revenue is null) then round(sum(revenue))::bigint end as revenue_cents
from parts
group by day, user_id;
