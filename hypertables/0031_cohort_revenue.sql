-- What members paid: revenue by signup cohort. A customer of the ledger is a member where a provider's event named one.

-- Whole months from one day to another, counted as subscriptions are billed: a month after the 31st is the last day of a
-- shorter month. Negative before the first day.
create function public.months_between(first date, later date) returns integer
  language sql immutable parallel safe
  return (extract(year from later) - extract(year from first))::integer * 12
    + (extract(month from later) - extract(month from first))::integer
    - case when (first + make_interval(months =>
        (extract(year from later) - extract(year from first))::integer * 12
        + (extract(month from later) - extract(month from first))::integer))::date > later then 1 else 0 end;

-- Payments, one-time purchases and refunds (negative) of members, in millionths of the currency's minor unit.
create view tenant.member_revenue with (security_barrier) as
  select r.customer as user_id, m.signup_day, m.signup_plan, m.signup_coach_id, r.at, r.day, r.type, r.currency, r.provider,
    r.amount
  from analytics.revenue_entries r
  join analytics.members m on m.tenant_id = r.tenant_id and m.user_id = r.customer
  where r.tenant_id = tenant.id() and m.tenant_id = tenant.id();

-- When members began (+1) and ceased (-1) to be paying customers.
create view tenant.member_subscriber_changes with (security_barrier) as
  select c.customer as user_id, m.signup_day, m.signup_plan, m.signup_coach_id, c.at, c.day, c.type, c.subscriber_delta
  from analytics.mrr_movements c
  join analytics.members m on m.tenant_id = c.tenant_id and m.user_id = c.customer
  where c.tenant_id = tenant.id() and m.tenant_id = tenant.id() and c.subscriber_delta <> 0;

-- Revenue is in the tenant's currency, each payment at its own day's rate; null while a rate is unknown.
create or replace view tenant.fact_productivity with (security_barrier) as
with parts as (
  select day, user_id, 0 as goals, 0 as habits, null::double precision as mood, 0 as chats, 0::numeric as revenue
  from analytics.member_days
  where tenant_id = tenant.id()
  union all
  select local_hour::date, user_id, completed, 0, null, 0, 0
  from analytics.goal_changes
  where tenant_id = tenant.id() and completed > 0
  union all
  select day, user_id, 0, done, null, 0, 0
  from analytics.habit_days
  where tenant_id = tenant.id() and done > 0
  union all
  select local_hour::date, user_id, 0, 0, (properties ->> 'score')::double precision, 0, 0
  from analytics.events
  where tenant_id = tenant.id() and type = 'mood_logged'
  union all
  select local_hour::date, user_id, 0, 0, null, count(distinct subject_id)::integer, 0
  from analytics.events
  where tenant_id = tenant.id() and type = 'message_sent' and is_action
  group by 1, 2
  union all
  select r.day, m.user_id, 0, 0, null, 0, r.amount / 1000000 * tenant.fx_factor(r.currency, c.currency, r.day)
  from analytics.revenue_entries r
  cross join tenant.reporting_currency c
  join analytics.members m on m.tenant_id = r.tenant_id and r.customer = m.user_id
  where r.tenant_id = tenant.id()
)
select day as date_key, user_id, sum(goals)::integer as goals_completed, sum(habits)::integer as habits_checked,
  avg(mood)::numeric as mood_avg, sum(chats)::integer as chat_sessions,
  case when not bool_or(revenue is null) then round(sum(revenue))::bigint end as revenue_cents
from parts
group by day, user_id;

grant select on tenant.member_revenue, tenant.member_subscriber_changes to analytics_api;

-- Marks whose fold fails even alone: set aside, so that nobody behind them waits, until `npm run parked -- retry`.
create table analytics.parked_members (
  tenant_id uuid not null references analytics.tenants on delete cascade,
  user_id text not null,
  types text[] not null,
  since timestamptz not null,
  marked_at timestamptz not null,
  failures integer not null default 1,
  error text not null,
  primary key (tenant_id, user_id)
);
create table analytics.parked_revenue (
  tenant_id uuid not null references analytics.tenants on delete cascade,
  provider text not null,
  event_id text not null,
  marked_at timestamptz not null,
  failures integer not null default 1,
  error text not null,
  primary key (tenant_id, provider, event_id)
);

-- What is parked is not counted: freshness says so.
create or replace view tenant.freshness with (security_barrier) as
  select least(
    now(),
    (select min(marked_at) from analytics.dirty_members where tenant_id = tenant.id()),
    (select min(marked_at) from analytics.parked_members where tenant_id = tenant.id()),
    (select min(marked_at) from analytics.touched_ranges where tenant.id() = any(tenant_ids))
  ) as fresh_until;
create or replace view tenant.revenue_freshness with (security_barrier) as
  select least(
    now(),
    (select min(marked_at) from analytics.dirty_revenue where tenant_id = tenant.id()),
    (select min(marked_at) from analytics.parked_revenue where tenant_id = tenant.id()),
    (select min(marked_at) from analytics.touched_ranges where tenant.id() = any(tenant_ids))
  ) as fresh_until;

-- What the last check of each tenant's MRR ledger found; 0 findings: it closes. Alerts read it.
create table analytics.revenue_checks (
  tenant_id uuid primary key references analytics.tenants on delete cascade,
  checked_at timestamptz not null,
  findings integer not null,
  first_finding text
);
create view tenant.revenue_checks with (security_barrier) as
  select * from analytics.revenue_checks where tenant_id = tenant.id();
grant select on tenant.revenue_checks to analytics_api;

-- One event, sent corrected for the sender's clock and uncorrected at the same moment, must be stored once. Uncorrected senders
-- of a tenant share a lock, a corrected one waits until it is alone. The lock is taken before what is stored is read: queries
-- of a volatile function see what was committed until then, unlike the statement that calls it.
create function analytics.known_corrections(tenant uuid, ids text[], claimed timestamptz[])
  returns table (event_id text, claimed_at timestamptz, occurred_at timestamptz)
  language plpgsql volatile
as $$
begin
  if ids is null then return; end if;
  perform pg_advisory_xact_lock_shared(7302103, hashtext(tenant::text));
  return query
    select c.event_id, c.claimed_at, c.occurred_at
    from unnest(ids, claimed) as i (event_id, claimed_at)
    join analytics.event_corrections c
      on c.tenant_id = tenant and c.event_id = i.event_id and c.claimed_at = i.claimed_at;
end $$;

create function analytics.stored_uncorrected(tenant uuid, ids text[], claimed timestamptz[])
  returns table (event_id text, claimed_at timestamptz)
  language plpgsql volatile
  -- planned for the instants at hand, so that only their chunks are
  set plan_cache_mode = force_custom_plan
as $$
declare
  first_at timestamptz := (select min(x) from unnest(claimed) x);
  last_at timestamptz := (select max(x) from unnest(claimed) x);
begin
  if ids is null then return; end if;
  perform pg_advisory_xact_lock(7302103, hashtext(tenant::text));
  return query
    select e.event_id, e.occurred_at
    from unnest(ids, claimed) as i (event_id, claimed_at)
    join analytics.events e on e.tenant_id = tenant and e.event_id = i.event_id and e.occurred_at = i.claimed_at
    where e.occurred_at between first_at and last_at;
end $$;
