-- As in 0037, for what is newer than the aggregates of raw events: the running hour (whether events arrive, the operators' panels, the
-- refresh of the hour that has just ended) without all of the day before it.
create index on analytics.events using brin (occurred_at) with (pages_per_range = 32, autosummarize = on);

-- Ratings are daily: of a day that is not over they are read from the raw events, in which they are few; without an index each look at
-- them reads all that was sent today. As all who read ratings_daily ask for these types, so does the index.
create index events_ai_sessions on analytics.events (tenant_id, occurred_at)
  where type in ('ai_session_rated', 'ai_session_ended');
