-- Conversations unanswered for longer than the SLA, now. Params: :now.
select :now::timestamptz as time,
  (select count(*) from waiting_messages where asked_at <= :now::timestamptz - x.sla)::double precision as value
from alert_context x
