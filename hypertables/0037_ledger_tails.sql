-- What is newer than a continuous aggregate is read from its source, all members at once, in time order; the keys of the ledgers begin with
-- the member. BRIN: rows are written in about that order, it costs hardly anything to keep, and is no candidate when
-- one member's rows are looked for.
create index on analytics.member_hours using brin (hour) with (pages_per_range = 16, autosummarize = on);
create index on analytics.member_days using brin (day) with (pages_per_range = 16, autosummarize = on);
create index on analytics.goal_changes using brin (occurred_at) with (pages_per_range = 16, autosummarize = on);
create index on analytics.habit_member_days using brin (day) with (pages_per_range = 16, autosummarize = on);
create index on analytics.replies using brin (replied_at) with (pages_per_range = 16, autosummarize = on);
create index on analytics.nudges using brin (sent_at) with (pages_per_range = 16, autosummarize = on);
