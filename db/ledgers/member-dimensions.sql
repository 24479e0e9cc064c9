-- Corrects the dimensions stamped on raw events after a member's history changed.
-- Params: :changed jsonb [{tenant_id,user_id,since}], :floor timestamptz (earliest since). Returns the touched range.
with changed as materialized (
  select * from jsonb_to_recordset(:changed::jsonb) as t (tenant_id uuid, user_id text, since timestamptz)
),
spans as materialized (
  select c.tenant_id, c.user_id, greatest(c.since, s.from_at) as from_at, s.to_at, s.plan, s.coach_id, m.signup_day
  from changed c
  join analytics.members m on m.tenant_id = c.tenant_id and m.user_id = c.user_id
  join lateral (
    select valid_from as from_at, coalesce(lead(valid_from) over (order by valid_from), 'infinity') as to_at, plan, coach_id
    from (
      select '-infinity'::timestamptz as valid_from, '' as plan, '' as coach_id
      union all
      select valid_from, plan, coach_id
      from analytics.member_history h
      where h.tenant_id = c.tenant_id and h.user_id = c.user_id
    ) h
  ) s on s.to_at > c.since
),
corrected as (
  update analytics.events e
  set plan = s.plan, coach_id = s.coach_id, cohort_week = date_trunc('week', s.signup_day)::date,
    cohort_month = date_trunc('month', s.signup_day)::date
  from spans s
  where e.tenant_id = s.tenant_id and e.user_id = s.user_id and e.occurred_at >= s.from_at and e.occurred_at < s.to_at
    and e.occurred_at >= :floor::timestamptz
    and (e.plan, e.coach_id, e.cohort_week, e.cohort_month)
      is distinct from (s.plan, s.coach_id, date_trunc('week', s.signup_day)::date, date_trunc('month', s.signup_day)::date)
  returning e.occurred_at
)
select min(occurred_at) as from_at, max(occurred_at) as to_at from corrected
