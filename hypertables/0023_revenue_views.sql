-- Tenant views over the revenue ledger, exchange at the day's closing rate, and the MRR bridge that the metrics share.
create view tenant.mrr_daily with (security_barrier) as
  select * from analytics.mrr_daily where tenant_id = tenant.id();
create view tenant.subscribers_daily with (security_barrier) as
  select * from analytics.subscribers_daily where tenant_id = tenant.id();
create view tenant.revenue_daily with (security_barrier) as
  select * from analytics.revenue_daily where tenant_id = tenant.id();
create view tenant.mrr_movements with (security_barrier) as
  select * from analytics.mrr_movements where tenant_id = tenant.id();
create view tenant.mrr_entries with (security_barrier) as
  select * from analytics.mrr_entries where tenant_id = tenant.id();
create view tenant.revenue_entries with (security_barrier) as
  select * from analytics.revenue_entries where tenant_id = tenant.id();
create view tenant.trials with (security_barrier) as
  select * from analytics.trials where tenant_id = tenant.id();
create view tenant.subscriptions with (security_barrier) as
  select * from analytics.subscriptions where tenant_id = tenant.id();
create view tenant.revenue_issues with (security_barrier) as
  select * from analytics.revenue_issues where tenant_id = tenant.id();
-- Lower case, as the ledger has it.
create view tenant.reporting_currency with (security_barrier) as
  select lower(currency) as currency from analytics.tenants where id = tenant.id();
create view tenant.fx_rates with (security_barrier) as
  select currency, day, rate from analytics.fx_rates;
-- Everything that was received before this instant is counted in the tenant's money.
create view tenant.revenue_freshness with (security_barrier) as
  select least(
    now(),
    (select min(marked_at) from analytics.dirty_revenue where tenant_id = tenant.id()),
    (select min(marked_at) from analytics.touched_ranges where tenant.id() = any(tenant_ids))
  ) as fresh_until;

-- Decimals of a currency's minor unit (ISO 4217); the same table as sources/revenue/currencies.ts.
create function public.minor_digits(currency text) returns integer
  language sql immutable parallel safe
  return case
    when currency in ('bif','clp','djf','gnf','isk','jpy','kmf','krw','pyg','rwf','ugx','uyi','vnd','vuv','xaf','xof','xpf') then 0
    when currency in ('bhd','iqd','jod','kwd','lyd','omr','tnd') then 3
    when currency in ('clf','uyw') then 4
    else 2
  end;

-- Units per euro at a day's close: of that day, else the last known, else the first known; null when there is none at all.
create function tenant.per_euro(code text, on_day date) returns numeric
  language sql stable parallel safe
  return case when code = 'eur' then 1 else coalesce(
    (select rate from tenant.fx_rates where currency = code and day <= on_day order by day desc limit 1),
    (select rate from tenant.fx_rates where currency = code order by day limit 1)
  ) end;

-- Factor from minor units of one currency to minor units of another. Never silently 1: null when a rate is unknown.
create function tenant.fx_factor(source text, target text, on_day date) returns numeric
  language sql stable parallel safe
  return case when source = target then 1
    else tenant.per_euro(target, on_day) / tenant.per_euro(source, on_day) * 10::numeric ^ (minor_digits(target) - minor_digits(source))
  end;

-- The group of a ledger row under one of the revenue dimensions; '': not grouped.
create function public.revenue_dimension(name text, plan text, currency text, provider text) returns text
  language sql immutable parallel safe
  return case name when 'plan' then plan when 'currency' then upper(currency) when 'provider' then provider else '' end;

-- Whether a row passes filters {dimension: [values]}; a dimension that is not named does not restrict.
create function public.revenue_filter(filters jsonb, plan text, currency text, provider text) returns boolean
  language sql immutable parallel safe
  return (filters -> 'plan' is null or filters -> 'plan' ? plan)
    and (filters -> 'currency' is null or filters -> 'currency' ? upper(currency))
    and (filters -> 'provider' is null or filters -> 'provider' ? provider);

-- MRR from the start of each period to its end, in minor units of the reporting currency, unrounded; contraction and churn
-- are positive sizes. Each change counts at its own day's closing rate; `fx` is what the rates alone moved, day by day:
-- balance of the day before × (rate − rate of the day before). start + new + reactivation + expansion − contraction − churn +
-- fx = end. All amounts are null in a group that holds a currency without any rate. Days after `today` are left out.
create function tenant.mrr_bridge(granularity text, from_day date, to_day date, today date, group_by text, filters jsonb)
  returns table (
    t timestamp, key text, start_mrr numeric, new_mrr numeric, reactivation_mrr numeric, expansion_mrr numeric,
    contraction_mrr numeric, churn_mrr numeric, fx numeric, end_mrr numeric
  )
  language sql stable
  -- A function with settings is not inlined: TimescaleDB checks a continuous aggregate's watermark against the reader's own
  -- rights where the aggregate appears only while planning, and readers have none.
  set search_path = tenant, public
as $$
  with changes as materialized (
    -- what happened before the range is one step, on the day before it
    select greatest(day, from_day - 1) as day, public.revenue_dimension(group_by, plan, currency, provider) as key, currency, type,
      sum(delta) / 1000000 as delta
    from tenant.mrr_daily
    where day < to_day and day <= today and public.revenue_filter(filters, plan, currency, provider)
    group by 1, 2, 3, 4
  ),
  daily as (
    select day, key, currency,
      sum(delta) as delta,
      sum(delta) filter (where type = 'new') as new_mrr,
      sum(delta) filter (where type = 'reactivation') as reactivation_mrr,
      sum(delta) filter (where type = 'expansion') as expansion_mrr,
      -sum(delta) filter (where type = 'contraction') as contraction_mrr,
      -sum(delta) filter (where type = 'churn') as churn_mrr
    from changes
    group by 1, 2, 3
  ),
  days as (
    select d::date as day
    from generate_series((from_day - 1)::timestamp, least(to_day - 1, today)::timestamp, interval '1 day') d
  ),
  factors as materialized (
    select d.day, c.currency, tenant.fx_factor(c.currency, r.currency, d.day) as factor
    from days d
    cross join (select distinct currency from changes) c
    cross join tenant.reporting_currency r
  ),
  balances as (
    select g.day, g.key, g.currency, f.factor,
      coalesce(d.new_mrr, 0) as new_mrr, coalesce(d.reactivation_mrr, 0) as reactivation_mrr,
      coalesce(d.expansion_mrr, 0) as expansion_mrr, coalesce(d.contraction_mrr, 0) as contraction_mrr,
      coalesce(d.churn_mrr, 0) as churn_mrr,
      sum(coalesce(d.delta, 0)) over w as balance,
      sum(coalesce(d.delta, 0)) over w - coalesce(d.delta, 0) as balance_before,
      lag(f.factor) over w as factor_before
    from (select days.day, k.key, k.currency from days cross join (select distinct key, currency from changes) k) g
    join factors f on f.day = g.day and f.currency = g.currency
    left join daily d on d.day = g.day and d.key = g.key and d.currency = g.currency
    window w as (partition by g.key, g.currency order by g.day)
  ),
  converted as (
    select day, key,
      bool_or(factor is null) as unknown,
      sum(balance_before * factor_before) as start_mrr,
      sum(new_mrr * factor) as new_mrr, sum(reactivation_mrr * factor) as reactivation_mrr,
      sum(expansion_mrr * factor) as expansion_mrr, sum(contraction_mrr * factor) as contraction_mrr,
      sum(churn_mrr * factor) as churn_mrr,
      sum(balance_before * (factor - factor_before)) as fx,
      sum(balance * factor) as end_mrr
    from balances
    where day >= from_day
    group by 1, 2
  )
  select public.period_start(granularity, day::timestamp), key,
    case when not bool_or(unknown) then (array_agg(start_mrr order by day))[1] end,
    case when not bool_or(unknown) then sum(new_mrr) end,
    case when not bool_or(unknown) then sum(reactivation_mrr) end,
    case when not bool_or(unknown) then sum(expansion_mrr) end,
    case when not bool_or(unknown) then sum(contraction_mrr) end,
    case when not bool_or(unknown) then sum(churn_mrr) end,
    case when not bool_or(unknown) then sum(fx) end,
    case when not bool_or(unknown) then (array_agg(end_mrr order by day desc))[1] end
  from converted
  group by 1, 2
$$;

-- Paying customers: at the end of each period (or today), and who came and went in the 30 days that end with it.
create function tenant.paying_customers(granularity text, from_day date, to_day date, today date)
  returns table (t timestamp, paying numeric, paying_before numeric, came numeric, churned numeric)
  language sql stable
  set search_path = tenant, public
as $$
  with daily as materialized (
    select day,
      sum(subscriber_delta) as delta,
      sum(subscriber_delta) filter (where subscriber_delta > 0 and type = 'new') as came,
      -sum(subscriber_delta) filter (where subscriber_delta < 0) as churned
    from tenant.subscribers_daily
    where day < to_day and day <= today
    group by 1
  ),
  ends as (
    select p::timestamp as t, least(public.period_end(granularity, p) - 1, today) as last_day
    from public.periods(granularity, from_day, to_day) p
    where p <= today
  )
  select e.t,
    coalesce(sum(d.delta), 0),
    coalesce(sum(d.delta) filter (where d.day <= e.last_day - 30), 0),
    coalesce(sum(d.came) filter (where d.day > e.last_day - 30), 0),
    coalesce(sum(d.churned) filter (where d.day > e.last_day - 30), 0)
  from ends e
  left join daily d on d.day <= e.last_day
  group by 1
$$;

grant select on all tables in schema tenant to analytics_api;
