-- Currencies of the MRR ledger.
select value as __value
from grafana.query(grafana.parameters(${tenant:sqlstring}, now() - interval '1 day', now()), $metric$
  select distinct upper(currency) from mrr_daily
$metric$) as r(value text)
order by 1
