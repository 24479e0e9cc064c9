-- Which numbers of each device's events have arrived, so that a gap shows.

-- Keeps the newest `most` ranges and takes older gaps for closed: what a device may make us remember has a limit.
create function analytics.newest_ranges(ranges int8multirange, most integer) returns int8multirange
language sql immutable parallel safe
as $$
  select case
    when count(*) <= most then ranges
    else ranges + int8multirange(int8range(lower(ranges), (array_agg(lower(r) order by r desc))[most]))
  end
  from unnest(ranges) r
$$;

create table analytics.device_sequences (
  tenant_id uuid not null references analytics.tenants on delete cascade,
  device_id text not null check (length(device_id) between 1 and 128),
  -- Numbers begin with 1.
  received int8multirange not null,
  has_gap boolean not null generated always as (received <> int8multirange(int8range(1, upper(received)))) stored,
  updated_at timestamptz not null default now(),
  primary key (tenant_id, device_id)
);
create index device_sequences_gaps on analytics.device_sequences (tenant_id) where has_gap;
