import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { markDeploy, saveGrafanaLogin } from '../../db/grafana-logins.ts'
import type { Tenant } from '../../db/tenant.ts'
import { busyTenant } from '../support/busy-tenant.ts'
import { type GrafanaLogin, openGrafanaLogin } from '../support/grafana-login.ts'
import { openPlatform, type Platform } from '../support/platform.ts'

const embedded = inject('template').kind === 'embedded'
const ALPHA = 'alphaco'
const BETA = 'betacorp'

let platform: Platform
let alpha: Tenant
let beta: Tenant
/** Bound to alpha, and an operator's. */
let bound: GrafanaLogin
let operator: GrafanaLogin

beforeAll(async () => {
  platform = await openPlatform()
  alpha = await platform.createTenant({ slug: ALPHA, timezone: 'Europe/Berlin' })
  beta = await platform.createTenant({ slug: BETA, timezone: 'Asia/Kathmandu' })
  for (const [tenant, mark] of [
    [alpha, ALPHA],
    [beta, BETA],
  ] as const)
    await platform.send(tenant, busyTenant({ end: Date.now(), mark, members: 4 }))
  await platform.settle()
  bound = await openGrafanaLogin(platform.db, alpha)
  operator = await openGrafanaLogin(platform.db, null)
}, 240_000)
afterAll(async () => {
  await bound?.close()
  await operator?.close()
  await platform.close()
})

/** One simple-protocol message, as Grafana sends it; the error's text instead of rows when it fails. */
async function attempt(login: GrafanaLogin, sql: string): Promise<string> {
  const client = await login.pool.connect()
  try {
    const results = (await client.query(sql)) as unknown as { rows: unknown[] } | { rows: unknown[] }[]
    return JSON.stringify([results].flat().map(({ rows }) => rows))
  } catch (error) {
    return String(error)
  } finally {
    // Whatever the attempt has set must not help (or hinder) the next one.
    client.release(true)
  }
}

const betas = () => new RegExp(`${BETA}|${beta.id}`)

describe('a login bound to a tenant', () => {
  test('reads its tenant without naming it', async () => {
    const { rows } = await bound.pool.query<{ slug: string }>('select slug from grafana.tenants')
    expect(rows).toEqual([{ slug: ALPHA }])
    const members = await bound.pool.query<{ n: number }>('select count(*) as n from tenant.members')
    expect(members.rows[0]?.n).toBe(4)
  })

  test('gets its own tenant from the dashboards’ functions, whichever it names', async () => {
    const { rows } = await bound.pool.query<{ id: string }>(
      `select tenant_id as id from grafana.parameters('${BETA}', now() - interval '7 days', now())`,
    )
    expect(rows).toEqual([{ id: alpha.id }])
    const text = await attempt(
      bound,
      `select * from grafana.query(grafana.parameters('${BETA}', now() - interval '90 days', now()),
        'select signup_source::text from members') as r (source text)`,
    )
    expect(text).toContain(ALPHA)
    expect(text).not.toMatch(betas())
  })

  test('reads only its own rows in every relation of every schema that it can read, by whatever it sets', async () => {
    const { rows } = await bound.pool.query<{ relation: string }>(
      `select format('%I.%I', n.nspname, c.relname) as relation
       from pg_class c
       join pg_namespace n on n.oid = c.relnamespace
       where c.relkind in ('r', 'v', 'm', 'p', 'f') and n.nspname not in ('pg_catalog', 'information_schema')
         and has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')
       order by 1`,
    )
    const relations = rows.map(({ relation }) => relation)
    expect(relations.filter((relation) => relation.startsWith('tenant.')).length).toBeGreaterThan(30)
    for (const relation of relations)
      for (const setting of ['', `set app.tenant_id = '${beta.id}'; set search_path = analytics; `]) {
        const text = await attempt(bound, `${setting}select to_jsonb(r)::text from ${relation} r`)
        expect.soft(text, `${setting} ${relation}`).not.toMatch(betas())
      }
    // the same walk finds what an operator may see
    expect(await attempt(operator, 'select to_jsonb(r)::text from grafana.tenants r')).toMatch(betas())
  }, 120_000)

  const ways: readonly [string, (names: { beta: string; chunk: string }) => string][] = [
    ['SET', ({ beta }) => `set app.tenant_id = '${beta}'; select * from tenant.members`],
    ['SET LOCAL', ({ beta }) => `begin; set local app.tenant_id = '${beta}'; select * from tenant.members; commit`],
    [
      'set_config',
      ({ beta }) => `select set_config('app.tenant_id', '${beta}', false) is null; select * from tenant.members`,
    ],
    [
      'SET ROLE to the API',
      ({ beta }) => `set role analytics_api; set app.tenant_id = '${beta}'; select * from tenant.members`,
    ],
    [
      'SET ROLE to operators',
      ({ beta }) => `set role analytics_operators; set app.tenant_id = '${beta}'; select * from tenant.members`,
    ],
    ['SET ROLE to the owner', () => 'set role postgres; select * from analytics.members'],
    ['base tables', () => 'select * from analytics.members'],
    ['aggregates', () => 'select * from analytics.activity_daily'],
    ['the mapping', () => 'select * from analytics.tenant_logins'],
    ['the secrets', () => 'select * from analytics.tenant_secrets'],
    ['a chunk', ({ chunk }) => `select * from ${chunk}`],
    ['its own binding', ({ beta }) => `begin read write; update analytics.tenant_logins set tenant_id = '${beta}'`],
    ['making itself an operator', () => `begin read write; grant analytics_operators to current_user`],
    [
      'the procedure that binds',
      ({ beta }) => `begin read write; call analytics.save_grafana_login(current_user, '', '${beta}')`,
    ],
    [
      'a relation of its own that shadows',
      () => 'begin read write; create temp table tenant_logins (login name, tenant_id uuid)',
    ],
    [
      'a function of its own',
      () => `begin read write; create function pg_temp.leak() returns int language sql return 1`,
    ],
    ['creating in public', () => 'begin read write; create table public.mine (i int)'],
    ['other logins’ passwords', () => 'select rolpassword from pg_authid'],
    ['files', () => `select pg_read_file('/etc/hostname')`],
    ['programs', () => `copy (select 1) to program 'true'`],
    ['XML of a query', () => `select query_to_xml('select * from analytics.members', true, true, '')`],
    ['an error that quotes rows', () => `select ('x' || user_id)::integer from analytics.members`],
  ]
  test.each(ways)('cannot reach another tenant by %s', async (_, sql) => {
    const { rows } = await platform.db.pool.query<{ chunk: string }>(
      `select format('%I.%I', chunk_schema, chunk_name) as chunk from timescaledb_information.chunks
       where hypertable_schema = 'analytics' and hypertable_name = 'events' limit 1`,
    )
    const text = await attempt(bound, sql({ beta: beta.id, chunk: rows[0]?.chunk ?? '' }))
    expect(text).not.toMatch(betas())
    expect(text).toMatch(new RegExp(`permission denied|must be|must have admin|unrecognized|not available|${ALPHA}`))
  })

  test('cannot make a condition see the rows that are filtered away', async () => {
    // Cheap conditions run before expensive ones, unless the view is a barrier: then this would divide by zero at beta's rows.
    for (const [relation, column, value] of [
      ['tenant.members', 'signup_source', BETA],
      ['grafana.tenants', 'slug', BETA],
    ])
      expect(await attempt(bound, `select from ${relation} where 1 / (${column} <> '${value}')::integer = 1`)).toBe(
        JSON.stringify([relation === 'tenant.members' ? Array(4).fill({}) : [{}]]),
      )
  })

  test.skipIf(embedded)(
    'cannot become somebody else (server engine only: on the embedded one every client is a superuser)',
    async () => {
      for (const sql of [
        'set session authorization postgres; select * from analytics.members',
        `set session authorization ${operator.name}; set app.tenant_id = '${beta.id}'; select * from tenant.members`,
        'set session authorization default; reset role; select * from analytics.members',
      ])
        expect(await attempt(bound, sql)).toMatch(/permission denied/)
      // what is reset is what logged in
      expect(await attempt(bound, 'set role analytics_grafana; reset role; select * from tenant.members')).not.toMatch(
        betas(),
      )
    },
  )

  test.skipIf(embedded)(
    'starts read-only and with a time limit (server engine only: it plays logins without their settings)',
    async () => {
      const { rows } = await bound.pool.query(
        `select current_setting('default_transaction_read_only') as read_only, current_setting('statement_timeout') as timeout`,
      )
      expect(rows).toEqual([{ read_only: 'on', timeout: '30s' }])
    },
  )

  test('sees nothing of the platform', async () => {
    for (const relation of ['ingest', 'backlog', 'jobs', 'aggregates', 'chunks', 'retention', 'rejected']) {
      expect(await attempt(bound, `select * from grafana.${relation}`)).toMatch(/permission denied/)
      expect(await attempt(operator, `select * from grafana.${relation}`), relation).toMatch(/^\[\[/)
    }
  })
})

describe('every login', () => {
  test('may only select', async () => {
    for (const { name } of [bound, operator]) {
      const { rows } = await platform.db.pool.query<{ relation: string; privilege: string }>(
        `select c.oid::regclass::text as relation, p as privilege
         from pg_class c
         cross join unnest(array['insert', 'update', 'delete', 'truncate', 'references', 'trigger']) p
         where c.relkind in ('r', 'v', 'm', 'p', 'f') and has_table_privilege($1, c.oid, p) and c.oid::regclass::text <> 'pg_settings'`,
        [name],
      )
      expect(rows).toEqual([])
      const schemas = await platform.db.pool.query(
        `select nspname from pg_namespace where has_schema_privilege($1, oid, 'create')`,
        [name],
      )
      expect(schemas.rows).toEqual([])
    }
  })

  test('meets one function of ours that runs with its owner’s rights, the one that finds its tenant', async () => {
    const { rows } = await platform.db.pool.query(
      `select p.oid::regprocedure::text as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace
       where p.prosecdef and n.nspname in ('tenant', 'grafana', 'public') order by 1`,
    )
    expect(rows).toEqual([{ name: 'tenant.of_login()' }])
  })

  test('reads nothing when it is bound to no tenant', async () => {
    const stray = await openGrafanaLogin(platform.db, alpha)
    try {
      await platform.db.pool.query('delete from analytics.tenant_logins where login = $1', [stray.name])
      for (const sql of ['select * from tenant.members', 'select * from grafana.tenants'])
        expect(await attempt(stray, `set app.tenant_id = '${alpha.id}'; ${sql}`)).toMatch(/bound to no tenant/)
    } finally {
      await stray.close()
    }
  })

  test('changes from an operator’s to a tenant’s at once', async () => {
    const login = await openGrafanaLogin(platform.db, null)
    try {
      const read = `set app.tenant_id = '${beta.id}'; select * from tenant.members`
      expect(await attempt(login, read)).toMatch(betas())
      await saveGrafanaLogin(platform.db.pool, { name: login.name, password: 'another-password', tenant: alpha })
      const { rows } = await platform.db.pool.query(
        `select pg_has_role($1, 'analytics_operators', 'member') as operator`,
        [login.name],
      )
      expect(rows).toEqual([{ operator: false }])
    } finally {
      await login.close()
    }
  })

  test('is not made of a role that is somebody else’s, nor with a weak password', async () => {
    const save = (name: string, password: string) =>
      saveGrafanaLogin(platform.db.pool, { name, password, tenant: null })
    await expect(save('postgres', 'long-enough-password')).rejects.toThrow(/no login of Grafana/)
    await expect(save('analytics_api', 'long-enough-password')).rejects.toThrow(/no login of Grafana/)
    await expect(save('grafana_weak', 'short')).rejects.toThrow(/12 characters/)
  })
})

describe('operators', () => {
  test('read each tenant that a query names, in one statement and with nothing left over', async () => {
    const sources = `select t.slug, r.source from grafana.tenants t
      cross join lateral grafana.query(grafana.parameters(t.slug, now() - interval '90 days', now()),
        'select distinct signup_source from members') as r (source text) order by 1`
    const { rows } = await operator.pool.query(sources)
    expect(rows).toEqual([
      { slug: ALPHA, source: ALPHA },
      { slug: BETA, source: BETA },
    ])
    expect(await attempt(operator, 'select * from tenant.members')).toMatch(/app.tenant_id|uuid/)
  })

  test('are told which tenant does not exist', async () => {
    expect(await attempt(operator, `select grafana.parameters('nobody', now(), now())`)).toMatch(/no tenant nobody/)
  })

  test('why the tenant is not a setting of the same statement: views are planned with it before it is made', async () => {
    const sql = `with chosen as materialized (select set_config('app.tenant_id', '${alpha.id}', true))
      select count(*) from chosen, tenant.activity`
    expect(await attempt(operator, sql)).toMatch(/app.tenant_id|uuid/)
  })
})

test('a release is marked once', async () => {
  expect(await markDeploy(platform.db.pool, '1.0.0')).toBe(true)
  expect(await markDeploy(platform.db.pool, '1.0.0')).toBe(false)
  expect(await markDeploy(platform.db.pool, '1.0.1')).toBe(true)
  const { rows } = await bound.pool.query(`select title from grafana.marks where kind = 'deploy' order by at`)
  expect(rows).toEqual([{ title: '1.0.0' }, { title: '1.0.1' }])
})
