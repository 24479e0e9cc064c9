import { readdirSync, readFileSync } from 'node:fs'
import type pg from 'pg'

const shimFolder = new URL('../../db/toolkit-shim/', import.meta.url)

/** Names of the functions that only databases without the toolkit extension have. */
const shimFunctions = [
  ...new Set(
    readdirSync(shimFolder)
      .filter((file) => file.endsWith('.sql'))
      .flatMap((file) => [
        ...readFileSync(new URL(file, shimFolder), 'utf8').matchAll(/(?:function|aggregate) public\.(\w+)/g),
      ])
      .map((match) => match[1] ?? ''),
  ),
]

/** One query per kind of object, each giving lines of text that are the same on every supported engine and version. */
const queries: Readonly<Record<string, string>> = {
  relations: `
    select n.nspname || '.' || c.relname || ' ' || case
        when k.view_name is not null then 'continuous aggregate' || case when k.materialized_only then ', materialized only' else ', real-time' end
        when c.relkind = 'v' then 'view' || coalesce(' (' || array_to_string(c.reloptions, ', ') || ')', '')
        else 'table' end
      || coalesce(' for ' || (
        select string_agg(distinct r.rolname || ': ' || a.privilege_type, ', ' order by r.rolname || ': ' || a.privilege_type)
        from aclexplode(c.relacl) a join pg_roles r on r.oid = a.grantee where a.grantee <> c.relowner), '')
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    left join timescaledb_information.continuous_aggregates k on k.view_schema = n.nspname and k.view_name = c.relname
    where n.nspname in ('analytics', 'grafana', 'tenant') and c.relkind in ('r', 'v', 'p', 'm')`,
  columns: `
    select n.nspname || '.' || c.relname || ' ' || to_char(a.attnum, 'FM000') || ' ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
      || case when a.attnotnull then ' not null' else '' end
      || case when a.attidentity <> '' then ' identity' else '' end
      || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
    from pg_attribute a
    join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'v', 'p', 'm')
    join pg_namespace n on n.oid = c.relnamespace
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where n.nspname in ('analytics', 'grafana', 'tenant') and a.attnum > 0 and not a.attisdropped`,
  constraints: `
    select n.nspname || '.' || c.relname || ' ' || o.conname || ' ' || pg_get_constraintdef(o.oid)
    from pg_constraint o
    join pg_class c on c.oid = o.conrelid
    join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('analytics', 'grafana', 'tenant') and o.contype in ('c', 'f', 'p', 'u', 'x')`,
  indexes: `
    select coalesce(k.view_schema || '.' || k.view_name, n.nspname || '.' || c.relname) || ' '
      || case when x.indisunique then 'unique ' else '' end
      || substr(pg_get_indexdef(x.indexrelid), position(' USING ' in pg_get_indexdef(x.indexrelid)) + 7)
    from pg_index x
    join pg_class c on c.oid = x.indrelid
    join pg_namespace n on n.oid = c.relnamespace
    left join timescaledb_information.continuous_aggregates k
      on k.materialization_hypertable_schema = n.nspname and k.materialization_hypertable_name = c.relname
    where n.nspname in ('analytics', 'grafana', 'tenant') or k.view_schema = 'analytics'`,
  functions: `
    select n.nspname || '.' || p.proname || '(' || pg_get_function_arguments(p.oid) || ') returns ' || pg_get_function_result(p.oid)
      || ' ' || l.lanname || ' ' || case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end
      || ' parallel ' || p.proparallel::text || case p.prokind when 'a' then ' aggregate' else '' end
      || case when p.prosecdef then ' security definer' else '' end || coalesce(' ' || array_to_string(p.proconfig, ' '), '')
    from pg_proc p
    join pg_namespace n on n.oid = p.pronamespace
    join pg_language l on l.oid = p.prolang
    where (n.nspname in ('analytics', 'grafana', 'tenant') or n.nspname = 'public' and p.proname <> all($1))
      and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')`,
  schemas: `
    select n.nspname || coalesce(' for ' || (
        select string_agg(r.rolname || ': ' || a.privilege_type, ', ' order by r.rolname, a.privilege_type)
        from aclexplode(n.nspacl) a join pg_roles r on r.oid = a.grantee where a.grantee <> n.nspowner), '')
    from pg_namespace n where n.nspname in ('analytics', 'grafana', 'tenant')`,
  triggers: `
    select n.nspname || '.' || c.relname || ' ' || t.tgname
    from pg_trigger t
    join pg_class c on c.oid = t.tgrelid
    join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('analytics', 'grafana', 'tenant') and not t.tgisinternal
      and t.tgfoid not in (select oid from pg_proc where pronamespace in (select oid from pg_namespace where nspname like '\\_timescaledb%'))`,
  hypertables: `
    select h.hypertable_schema || '.' || h.hypertable_name || ' by ' || d.column_name || ' every ' || extract(epoch from d.time_interval) / 86400 || ' days'
      || coalesce(' compressed by ' || (
        select string_agg(s.attname, ', ' order by s.segmentby_column_index) filter (where s.segmentby_column_index is not null) || ' ordered by '
          || string_agg(s.attname, ', ' order by s.orderby_column_index) filter (where s.orderby_column_index is not null)
        from timescaledb_information.compression_settings s
        where s.hypertable_schema = h.hypertable_schema and s.hypertable_name = h.hypertable_name), '')
    from timescaledb_information.hypertables h
    join timescaledb_information.dimensions d on d.hypertable_schema = h.hypertable_schema and d.hypertable_name = h.hypertable_name
    where h.hypertable_schema = 'analytics'`,
  'continuous aggregates': `
    select k.view_schema || '.' || k.view_name || ' on ' || coalesce(s.view_name, k.hypertable_name)
    from timescaledb_information.continuous_aggregates k
    left join timescaledb_information.continuous_aggregates s on s.materialization_hypertable_name = k.hypertable_name`,
  policies: `
    select j.proc_schema || '.' || j.proc_name || coalesce(' ' || j.hypertable_schema || '.' || j.hypertable_name, '') || ' every '
      || j.schedule_interval || ' ' || (j.config - array['mat_hypertable_id', 'hypertable_id', 'maxchunks_to_compress'])::text
    from timescaledb_information.jobs j where j.job_id >= 1000`,
}

/** Everything our migrations made, as sorted text: what a review of a migration should look at. */
export async function dumpSchema(client: pg.Client | pg.Pool): Promise<string> {
  const sections: string[] = []
  for (const [title, query] of Object.entries(queries)) {
    const { rows } = await client.query<string[]>({
      text: query,
      values: query.includes('$1') ? [shimFunctions] : [],
      rowMode: 'array',
    })
    const lines = rows.map(([line]) => line ?? '').sort()
    sections.push(`# ${title}`, ...lines, '')
  }
  return sections.join('\n')
}
