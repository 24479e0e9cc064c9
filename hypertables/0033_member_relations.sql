-- Where something about a member is: one list for whoever erases a member and for whoever hands out what is known of one.

-- Every table with rows of members, whichever migration made it: those that name them in `user_id`, and the billing ledger,
-- which names them in `customer`. `instant` is an expression for the time a row is of, in tables that are cut by time.
create function analytics.member_relations()
  returns table (name text, key text, instant text)
  language sql stable
as $$
  select c.relname::text, k.attname::text, case d.column_type::text
      when 'date' then format('(%I::timestamp at time zone ''UTC'')', d.column_name)
      else coalesce(quote_ident(d.column_name), 'null::timestamptz')
    end
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'analytics'
  join pg_attribute k on k.attrelid = c.oid and k.attname in ('user_id', 'customer') and not k.attisdropped
  left join timescaledb_information.dimensions d
    on d.hypertable_schema = n.nspname and d.hypertable_name = c.relname and d.dimension_number = 1
  where c.relkind = 'r'
    and exists (select from pg_attribute t where t.attrelid = c.oid and t.attname = 'tenant_id' and not t.attisdropped)
  order by 1
$$;

create or replace function analytics.erase_member(tenant uuid, member text)
  returns table (source text, rows bigint, from_at timestamptz, to_at timestamptz)
  language plpgsql
as $$
declare
  relation record;
begin
  for relation in select * from analytics.member_relations() r where r.key = 'user_id' and r.name <> 'events' loop
    source := relation.name;
    execute format(
      'with gone as (delete from analytics.%I where tenant_id = $1 and user_id = $2 returning %s as at)
       select count(*), min(at), max(at) from gone', relation.name, relation.instant
    ) into rows, from_at, to_at using tenant, member;
    if rows > 0 then
      return next;
    end if;
  end loop;
end $$;

-- What all of these tables hold of one member, table by table, in the order of time where there is one.
create function analytics.member_rows(tenant uuid, member text, customers text[])
  returns table (source text, data jsonb)
  language plpgsql stable
as $$
declare
  relation record;
begin
  for relation in select * from analytics.member_relations() loop
    source := relation.name;
    for data in execute format(
      'select to_jsonb(r) - ''tenant_id'' from analytics.%I r where r.tenant_id = $1 and r.%I = any($2) order by %s',
      relation.name, relation.key, relation.instant
    ) using tenant, case relation.key when 'user_id' then array[member] else customers end loop
      return next;
    end loop;
  end loop;
  source := 'event_corrections';
  for data in
    select to_jsonb(c) - 'tenant_id'
    from analytics.events e
    join analytics.event_corrections c
      on c.tenant_id = e.tenant_id and c.event_id = e.event_id and c.claimed_at = e.claimed_at
    where e.tenant_id = tenant and e.user_id = member and e.claimed_at is not null
    order by c.claimed_at
  loop
    return next;
  end loop;
end $$;

-- Everything about one member is an export as JSON.
alter table analytics.report_jobs
  drop constraint report_jobs_format_check,
  add constraint report_jobs_format_check check (format in ('csv', 'pdf', 'parquet', 'json'));
