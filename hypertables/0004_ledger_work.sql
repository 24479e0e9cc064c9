-- Work lists between ingest, ledgers and aggregates. All append-only logs: writers never wait for each other.

-- A member whose ledgers must be folded again from `since` on, and the types of the events that arrived.
create table analytics.dirty_members (
  id bigint generated always as identity primary key,
  tenant_id uuid not null,
  user_id text not null,
  types text[] not null,
  since timestamptz not null,
  marked_at timestamptz not null default now()
);

-- A time range of a source table whose aggregates must be refreshed (real-time reading adds only what is newer
-- than the watermark: an older row stays invisible until a refresh covers it).
create table analytics.touched_ranges (
  id bigint generated always as identity primary key,
  source text not null,
  from_at timestamptz not null,
  to_at timestamptz not null,
  -- Whose answers change when the range is refreshed.
  tenant_ids uuid[] not null,
  marked_at timestamptz not null default now(),
  check (from_at <= to_at)
);

-- What an entity that is still open looked like when its ledger rows were dropped by retention.
create table analytics.ledger_openings (
  tenant_id uuid not null references analytics.tenants on delete cascade,
  kind text not null,
  user_id text not null,
  key text not null,
  as_of timestamptz not null,
  state jsonb not null,
  primary key (tenant_id, kind, user_id, key)
);
