-- The last action that an hour's counts include: a fold adds what came after it instead of reading the hour again.
-- Null: counted before this was kept; the next fold of that hour reads all of it.
alter table analytics.member_hours add column last_at timestamptz;
