-- What each coach's members did in the range. Params: :from_day, :to_day, :from_bucket, :to_bucket, :today, :filters (whose
-- members; `coach` also which coaches). Rows: coach_id,
-- name, members (now), active and completed goals, adherence, response_seconds (median), satisfaction, ratings.
with coach_members as (
  select coach_id, count(*) as members
  from (
    select distinct on (user_id) user_id, plan, coach_id from member_history order by user_id, valid_from desc
  ) latest
  left join members using (user_id)
  where latest.coach_id <> ''
    and member_filter(:filters::jsonb, latest.plan, latest.coach_id, date_trunc('week', signup_day::timestamp)::date,
      date_trunc('month', signup_day::timestamp)::date)
  group by 1
),
goals as (
  select coach_id,
    coalesce(sum(open_delta) filter (where day < :from_day::date), 0)
      + coalesce(sum(created + reopened) filter (where day >= :from_day::date), 0) as active,
    coalesce(sum(completed) filter (where day >= :from_day::date), 0) as completed
  from goals_daily
  where day < :to_day::date and member_filter(:filters::jsonb, plan, coach_id, cohort_week, cohort_month)
  group by 1
),
habits as (
  select coach_id, sum(score) / sum(members) as adherence
  from habits_daily
  where day >= :from_day::date and day < least(:to_day::date, :today::date + 1)
    and member_filter(:filters::jsonb, plan, coach_id, cohort_week, cohort_month)
  group by 1
),
responses as (
  select coach_id, approx_percentile(0.5, rollup(seconds)) as seconds
  from response_times
  where grain = 'day' and at >= :from_day::date and at < :to_day::date
    and bucket >= :from_bucket::timestamptz and bucket < :to_bucket::timestamptz
    and member_filter(:filters::jsonb, plan, coach_id, cohort_week, cohort_month)
  group by 1
),
ratings as (
  select coach_id, sum(total) / sum(events) as satisfaction, sum(events) as ratings
  from ratings_daily
  where type = 'ai_session_rated' and day >= :from_day::date and day < :to_day::date
    and bucket >= :from_bucket::timestamptz and bucket < :to_bucket::timestamptz
    and member_filter(:filters::jsonb, plan, coach_id, cohort_week, cohort_month)
  group by 1
)
select c.coach_id, c.display_name as name, coalesce(m.members, 0)::double precision as members,
  coalesce(g.active, 0)::double precision as active, coalesce(g.completed, 0)::double precision as completed,
  h.adherence::double precision as adherence, r.seconds as response_seconds, a.satisfaction::double precision as satisfaction,
  coalesce(a.ratings, 0)::double precision as ratings
from coaches c
left join coach_members m on m.coach_id = c.coach_id
left join goals g on g.coach_id = c.coach_id
left join habits h on h.coach_id = c.coach_id
left join responses r on r.coach_id = c.coach_id
left join ratings a on a.coach_id = c.coach_id
where :filters::jsonb -> 'coach' is null or :filters::jsonb -> 'coach' ? c.coach_id
order by c.coach_id
