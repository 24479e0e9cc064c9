-- Corrects the dimensions stamped on raw events of one span of time, after members' histories changed. Params: :changed
-- jsonb [{tenant_id,user_id,since}], :from and :to timestamptz (to exclusive). Returns nothing: with RETURNING, an update
-- that moves between chunks takes milliseconds and keeps memory for every row on the embedded engine.
with spans as materialized (
  select c.tenant_id, c.user_id, greatest(c.since, h.valid_from) as from_at, h.valid_to as to_at, h.plan, h.coach_id,
    date_trunc('week', c.signup_day)::date as cohort_week, date_trunc('month', c.signup_day)::date as cohort_month
  from (
    select t.*,
      (select m.signup_day from analytics.members m where m.tenant_id = t.tenant_id and m.user_id = t.user_id) as signup_day
    from jsonb_to_recordset(:changed::jsonb) as t (tenant_id uuid, user_id text, since timestamptz)
  ) c
  cross join lateral (
    select valid_from, coalesce(lead(valid_from) over (order by valid_from), 'infinity') as valid_to, plan, coach_id
    from (
      select '-infinity'::timestamptz as valid_from, '' as plan, '' as coach_id
      union all
      select valid_from, plan, coach_id from analytics.member_history h
      where h.tenant_id = c.tenant_id and h.user_id = c.user_id
    ) spans
  ) h
  where h.valid_from < :to::timestamptz and h.valid_to > :from::timestamptz
)
update analytics.events e
set plan = s.plan, coach_id = s.coach_id, cohort_week = s.cohort_week, cohort_month = s.cohort_month
from spans s
where e.tenant_id = s.tenant_id and e.user_id = s.user_id and e.occurred_at >= s.from_at and e.occurred_at < s.to_at
  and e.occurred_at >= :from::timestamptz and e.occurred_at < :to::timestamptz
  and (e.plan, e.coach_id, e.cohort_week, e.cohort_month)
    is distinct from (s.plan, s.coach_id, s.cohort_week, s.cohort_month)
