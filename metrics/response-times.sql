-- Exact response-time percentiles over all replies of the range, and who waits now. Reads the reply ledger, so it reaches
-- back as far as the retention of user-level rows. Params: :from_bucket and :to_bucket choose chunks, :from_day, :to_day,
-- :filters, :now, :sla_hours. One row.
with replies_in as (
  select seconds, within_sla
  from replies
  where local_hour >= :from_day::date and local_hour < :to_day::date
    and replied_at >= :from_bucket::timestamptz and replied_at < :to_bucket::timestamptz
    and member_filter(:filters::jsonb, plan, coach_id, cohort_week, cohort_month)
),
waiting as (
  select asked_at
  from waiting_messages
  where :filters::jsonb -> 'coach' is null or :filters::jsonb -> 'coach' ? coach_id
)
select count(*)::double precision as replies,
  percentile_cont(array[0.5, 0.75, 0.9, 0.95, 0.99]) within group (order by seconds) as percentiles,
  percentile_disc(array[0.5, 0.75, 0.9, 0.95, 0.99]) within group (order by seconds) as observed,
  avg(within_sla::integer)::double precision as within_sla_share,
  (select count(*) from waiting)::double precision as waiting,
  (select count(*) from waiting where asked_at + make_interval(hours => :sla_hours::integer) < :now::timestamptz)::double precision
    as waiting_over_sla
from replies_in
