-- Revenue: what providers sent (kept once), what it says (facts), and the MRR ledger that is folded from it.
-- Amounts are micro-minor units: millionths of a currency's ISO 4217 minor unit, whole numbers, so that sums are exact.

-- Every webhook or backfilled event as it came, personal data replaced.
create table analytics.revenue_webhooks (
  id bigint generated always as identity primary key,
  tenant_id uuid not null references analytics.tenants on delete cascade,
  provider text not null check (provider in ('stripe', 'revenuecat')),
  -- The provider's id; `sha256:…` of the body where it has none.
  event_id text not null,
  type text,
  received_at timestamptz not null default now(),
  body jsonb not null,
  -- `rejected` is the quarantine: not of the documented shape, replayed after a fix.
  outcome text not null check (outcome in ('facts', 'ignored', 'rejected')),
  -- Why it was ignored: a sentence. Why it was rejected: [{field, code, message}].
  reason text,
  errors jsonb,
  unique (tenant_id, provider, event_id)
);
create index on analytics.revenue_webhooks (tenant_id, outcome, id);

create table analytics.revenue_facts (
  tenant_id uuid not null references analytics.tenants on delete cascade,
  provider text not null,
  event_id text not null,
  seq integer not null,
  kind text not null,
  fact jsonb not null,
  primary key (tenant_id, provider, event_id, seq)
);
create index on analytics.revenue_facts (tenant_id, kind) where kind like 'catalogue%';

-- What ties events to each other: events that share a key, directly or through others, are folded together.
create table analytics.revenue_fact_keys (
  tenant_id uuid not null references analytics.tenants on delete cascade,
  key text not null,
  provider text not null,
  event_id text not null,
  primary key (tenant_id, key, provider, event_id)
);
create index on analytics.revenue_fact_keys (tenant_id, provider, event_id);

-- Events whose groups must be folded again; an append-only log.
create table analytics.dirty_revenue (
  id bigint generated always as identity primary key,
  tenant_id uuid not null,
  provider text not null,
  event_id text not null,
  marked_at timestamptz not null default now()
);

-- Under which policy, calendar and catalogue a tenant's ledger was folded; another one means folding all of it again.
create table analytics.revenue_state (
  tenant_id uuid primary key references analytics.tenants on delete cascade,
  version text not null
);

-- The ledger: all changes of one customer, currency and instant, netted and named.
create table analytics.mrr_movements (
  tenant_id uuid not null,
  customer text not null,
  currency text not null,
  at timestamptz not null,
  -- The tenant's calendar day of `at`.
  day date not null,
  type text not null check (type in ('new', 'reactivation', 'expansion', 'contraction', 'churn')),
  delta numeric not null,
  mrr_before numeric not null,
  mrr_after numeric not null,
  -- +1 when the customer became a paying one, -1 when it ceased to be, else 0; summed: paying customers.
  subscriber_delta smallint not null,
  subscription text not null,
  plan text not null,
  provider text not null,
  reason text,
  provider_event_ids text[] not null,
  check (mrr_before + delta = mrr_after),
  unique (tenant_id, customer, currency, at)
);
select create_hypertable('analytics.mrr_movements', by_range('at', interval '90 days'), create_default_indexes => false);
create index on analytics.mrr_movements (tenant_id, day);

-- Its parts per subscription and plan, named like the movement they belong to: sums by plan add up to the movements.
create table analytics.mrr_entries (
  tenant_id uuid not null,
  customer text not null,
  currency text not null,
  at timestamptz not null,
  day date not null,
  subscription text not null,
  plan text not null,
  product text,
  provider text not null,
  type text not null check (type in ('new', 'reactivation', 'expansion', 'contraction', 'churn')),
  delta numeric not null,
  reason text,
  provider_event_ids text[] not null,
  unique (tenant_id, customer, currency, at, subscription, plan)
);
select create_hypertable('analytics.mrr_entries', by_range('at', interval '90 days'), create_default_indexes => false);

-- Money that moved, beside MRR: payments of subscriptions, one-time purchases, refunds (negative).
create table analytics.revenue_entries (
  tenant_id uuid not null,
  provider text not null,
  -- The first of provider_event_ids, and the position among the entries that begin with it.
  event_id text not null,
  seq integer not null,
  at timestamptz not null,
  day date not null,
  type text not null check (type in ('recurring', 'one_time', 'refund')),
  -- '' where the provider names nobody.
  customer text not null,
  subscription text,
  currency text not null,
  amount numeric not null,
  provider_event_ids text[] not null,
  unique (tenant_id, provider, event_id, seq, at)
);
select create_hypertable('analytics.revenue_entries', by_range('at', interval '90 days'), create_default_indexes => false);
create index on analytics.revenue_entries (tenant_id, customer);

create table analytics.trials (
  tenant_id uuid not null references analytics.tenants on delete cascade,
  customer text not null,
  subscription text not null,
  started_at timestamptz not null,
  plan text,
  ended_at timestamptz,
  converted_at timestamptz,
  ended_day date,
  converted_day date,
  provider_event_ids text[] not null,
  primary key (tenant_id, customer, subscription, started_at)
);

-- dim_subscription: each subscription as it stands after all of its events.
create table analytics.subscriptions (
  tenant_id uuid not null references analytics.tenants on delete cascade,
  subscription text not null,
  customer text not null,
  provider text not null,
  plan text,
  plan_name text,
  standing text not null,
  -- Micro-minor units per currency, as text.
  mrr jsonb not null,
  started_at timestamptz not null,
  first_paid_at timestamptz,
  ended_at timestamptz,
  period_end timestamptz,
  primary key (tenant_id, subscription)
);
create index on analytics.subscriptions (tenant_id, customer);

-- What the fold could not be sure of (an unknown price, a discount known by id only): shown to finance, never guessed away.
create table analytics.revenue_issues (
  tenant_id uuid not null references analytics.tenants on delete cascade,
  customer text not null,
  issue jsonb not null
);
create index on analytics.revenue_issues (tenant_id, customer);

-- Daily closing rates: one euro is `rate` units of the currency (lower case), as the ECB publishes them. Public data.
create table analytics.fx_rates (
  currency text not null check (currency ~ '^[a-z]{3}$' and currency <> 'eur'),
  day date not null,
  rate numeric not null check (rate > 0),
  primary key (currency, day)
);
