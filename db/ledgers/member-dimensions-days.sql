-- The days (UTC) on which raw events carry other dimensions than their members' histories say now: an update over all
-- chunks at once would need the memory of all of them. Params: :changed jsonb [{tenant_id,user_id,since}], :floor
-- timestamptz (earliest since). Rows: day timestamptz.
with changed as materialized (
  select * from jsonb_to_recordset(:changed::jsonb) as t (tenant_id uuid, user_id text, since timestamptz)
)
select distinct time_bucket(interval '1 day', e.occurred_at) as day
from changed c
join analytics.members m on m.tenant_id = c.tenant_id and m.user_id = c.user_id
join analytics.events e on e.tenant_id = c.tenant_id and e.user_id = c.user_id and e.occurred_at >= c.since
left join lateral (
  select plan, coach_id
  from analytics.member_history h
  where h.tenant_id = e.tenant_id and h.user_id = e.user_id and h.valid_from <= e.occurred_at
  order by h.valid_from desc
  limit 1
) h on true
where e.occurred_at >= :floor::timestamptz
  and (e.plan, e.coach_id, e.cohort_week, e.cohort_month)
    is distinct from (coalesce(h.plan, ''), coalesce(h.coach_id, ''), date_trunc('week', m.signup_day)::date,
        date_trunc('month', m.signup_day)::date)
order by day
