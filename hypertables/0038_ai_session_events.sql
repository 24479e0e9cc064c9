-- Ratings of a day that is not over are read from the raw events, in which they are few; without an index each look at them reads
-- all that was sent today. As all who read ratings_daily ask for these types, so does the index.
create index events_ai_sessions on analytics.events (tenant_id, occurred_at)
  where type in ('ai_session_rated', 'ai_session_ended');
