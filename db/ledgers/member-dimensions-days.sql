-- The days (UTC) on which raw events carry other dimensions than their members' histories say now: an update over all
-- chunks at once would need the memory of all of them. Params: :changed jsonb [{tenant_id,user_id,since}], :floor
-- timestamptz (earliest since). Rows: day timestamptz, members jsonb (those of :changed that are wrong on that day).
with changed as materialized (
  -- not a join: the planner would expect one row of it and probe every chunk once per member
  select t.tenant_id, t.user_id, t.since,
    (select m.signup_day from analytics.members m where m.tenant_id = t.tenant_id and m.user_id = t.user_id) as signup_day
  from jsonb_to_recordset(:changed::jsonb) as t (tenant_id uuid, user_id text, since timestamptz)
)
select day, jsonb_agg(jsonb_build_object('tenant_id', tenant_id, 'user_id', user_id, 'since', since)) as members
from (
  select distinct time_bucket(interval '1 day', e.occurred_at) as day, c.tenant_id, c.user_id, c.since
  from changed c
  cross join lateral (
    select tenant_id, user_id, occurred_at, plan, coach_id, cohort_week, cohort_month
    from analytics.events
    where tenant_id = c.tenant_id and user_id = c.user_id and occurred_at >= c.since and occurred_at >= :floor::timestamptz
    offset 0
  ) e
  left join lateral (
    select plan, coach_id
    from analytics.member_history h
    where h.tenant_id = e.tenant_id and h.user_id = e.user_id and h.valid_from <= e.occurred_at
    order by h.valid_from desc
    limit 1
  ) h on true
  where (e.plan, e.coach_id, e.cohort_week, e.cohort_month)
      is distinct from (coalesce(h.plan, ''), coalesce(h.coach_id, ''), date_trunc('week', c.signup_day)::date,
        date_trunc('month', c.signup_day)::date)
) wrong
group by day
order by day
