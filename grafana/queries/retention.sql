-- The retention triangle: share of each signup cohort active n weeks later; cells that are not over are left out.
select cohort_of_week(cohort) || ' (' || size || ')' as "Cohort", 'W' || n as week, retained / nullif(size, 0) as retained
from :relation
where retained is not null
order by cohort, n
