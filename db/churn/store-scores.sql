-- Stores scores and how far scoring has come; a day that has a score of a member keeps it. Params: :tenant_id,
-- :scored_day date, :scores jsonb.
with stored as (
  insert into analytics.churn_scores (
    tenant_id, user_id, day, probability, band, reasons, last_action, model, plan, coach_id, cohort_week, cohort_month
  )
  select :tenant_id::uuid, x.*
  from jsonb_to_recordset(:scores::jsonb) as x (
    user_id text, day date, probability double precision, band text, reasons jsonb, last_action date, model text, plan text,
    coach_id text, cohort_week date, cohort_month date
  )
  on conflict (tenant_id, day, user_id) do nothing
)
insert into analytics.churn_progress as p (tenant_id, scored_day) values (:tenant_id::uuid, :scored_day::date)
on conflict (tenant_id) do update set scored_day = greatest(p.scored_day, excluded.scored_day)
