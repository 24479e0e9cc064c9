-- What each coach's members did in the range.
select coalesce(nullif(name, ''), coach_id) as "Coach", members as "Members", active as "Active goals", completed as "Completed goals",
  completed / nullif(active, 0) as "Goal completion", adherence as "Habit adherence", response_seconds as "Median response",
  satisfaction as "AI satisfaction", ratings as "Ratings"
from :relation
order by members desc, 1
