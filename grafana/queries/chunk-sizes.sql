-- Size of the chunks of raw events and ledgers by the time they cover.
select range_start as "time", relation as metric, sum(bytes) as bytes
from grafana.chunks
where $__timeFilter(range_start) and relation in ('events', 'member_days', 'goal_changes', 'habit_days', 'replies', 'nudges', 'sessions')
group by 1, 2
order by 1, 2
