-- Tenants, their secrets and their people (dimension tables).
create table analytics.tenants (
  id uuid primary key default gen_random_uuid(),
  slug text not null unique check (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  name text not null,
  timezone text not null default 'UTC',
  currency char(3) not null default 'USD',
  -- Public settings (retention_months, sla_hours, session_gap_minutes, feature.*, revenue policies); never secrets.
  settings jsonb not null default '{}',
  created_at timestamptz not null default now()
);

-- Secrets and PII keys, encrypted with the master key before they reach the database.
create table analytics.tenant_secrets (
  tenant_id uuid not null references analytics.tenants on delete cascade,
  name text not null,
  ciphertext bytea not null,
  updated_at timestamptz not null default now(),
  primary key (tenant_id, name)
);

-- One row per member. All instants are minimum folds, so the order of arrival does not matter.
create table analytics.members (
  tenant_id uuid not null references analytics.tenants on delete cascade,
  user_id text not null,
  -- Of any event, system events included: what a changed signup day reaches back to.
  first_event_at timestamptz,
  signed_up_event_at timestamptz,
  first_action_at timestamptz,
  -- The local day of signing up: of the signed_up event, else of the first tracked action.
  signup_day date,
  signup_source text not null default '',
  signup_plan text not null default '',
  signup_coach_id text not null default '',
  primary key (tenant_id, user_id)
);

-- What a member's plan and coach were from `valid_from` on; '' = unknown.
create table analytics.member_history (
  tenant_id uuid not null references analytics.tenants on delete cascade,
  user_id text not null,
  valid_from timestamptz not null,
  plan text not null default '',
  coach_id text not null default '',
  primary key (tenant_id, user_id, valid_from)
);

create table analytics.coaches (
  tenant_id uuid not null references analytics.tenants on delete cascade,
  coach_id text not null,
  display_name text not null default '',
  primary key (tenant_id, coach_id)
);
