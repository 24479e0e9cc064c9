-- Conversations unanswered for longer than the SLA at an instant, whether or not somebody has answered since. Params: :now.
select :now::timestamptz as time,
  ((select count(*) from waiting_messages where asked_at <= :now::timestamptz - x.sla)
    + (select count(*) from replies where replied_at > :now::timestamptz and asked_at <= :now::timestamptz - x.sla)
  )::double precision as value
from alert_context x
