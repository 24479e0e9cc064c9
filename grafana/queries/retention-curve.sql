-- Share of all cohorts' members active n weeks after signing up, cells that are over only.
select n as "Week", sum(retained) / nullif(sum(size), 0) as "Retention", sum(size) as "Members"
from :relation
where retained is not null
group by n
order by n
