-- Corrects the dimensions stamped on raw events of one span of time, after members' histories changed. Params: :changed
-- jsonb [{tenant_id,user_id,since}], :from and :to timestamptz (to exclusive). Returns the touched range.
with changed as materialized (
  select * from jsonb_to_recordset(:changed::jsonb) as t (tenant_id uuid, user_id text, since timestamptz)
),
corrected as (
  update analytics.events e
  set plan = coalesce(h.plan, ''), coach_id = coalesce(h.coach_id, ''),
    cohort_week = date_trunc('week', m.signup_day)::date, cohort_month = date_trunc('month', m.signup_day)::date
  from changed c
  join analytics.members m on m.tenant_id = c.tenant_id and m.user_id = c.user_id
  left join lateral (
    select valid_from, coalesce(lead(valid_from) over (order by valid_from), 'infinity') as valid_to, plan, coach_id
    from (
      select '-infinity'::timestamptz as valid_from, '' as plan, '' as coach_id
      union all
      select valid_from, plan, coach_id from analytics.member_history h
      where h.tenant_id = c.tenant_id and h.user_id = c.user_id
    ) spans
  ) h on h.valid_from < :to::timestamptz and h.valid_to > :from::timestamptz
  where e.tenant_id = c.tenant_id and e.user_id = c.user_id and e.occurred_at >= c.since
    and e.occurred_at >= :from::timestamptz and e.occurred_at < :to::timestamptz
    and e.occurred_at >= h.valid_from and e.occurred_at < h.valid_to
    and (e.plan, e.coach_id, e.cohort_week, e.cohort_month)
      is distinct from (coalesce(h.plan, ''), coalesce(h.coach_id, ''), date_trunc('week', m.signup_day)::date,
        date_trunc('month', m.signup_day)::date)
  returning e.occurred_at
)
select min(occurred_at) as from_at, max(occurred_at) as to_at from corrected
