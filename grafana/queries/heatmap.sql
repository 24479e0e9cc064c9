-- Sessions by local weekday and hour.
select (array['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'])[weekday] as "Day", to_char(hour, 'FM00') as hour, sessions
from :relation
order by weekday, r.hour
