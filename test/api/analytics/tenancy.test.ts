import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Tenant, withTenant } from '../../../db/tenant.ts'
import { metrics } from '../../../metrics/catalog.ts'
import { busyTenant } from '../../support/busy-tenant.ts'
import { openPlatform, type Platform } from '../../support/platform.ts'

const DAY = 86_400_000
const now = Date.now()
const ALPHA = 'alphaco'
const BETA = 'betacorp'
/** How much earlier than alpha beta began, and a month in which only beta's members signed up. */
const EARLIER = 100 * DAY
const betasMonth = new Date(now - EARLIER - 64 * DAY).toISOString().slice(0, 7)
/** Exchange rates are the same public numbers for everybody. */
const shared = ['fx_rates']

let platform: Platform
let alpha: Tenant
let beta: Tenant
/** Every path below /api/analytics that can be read, with parameters filled in. */
let paths: string[]
/** What alpha was answered while it was alone. */
let alone: Map<string, string>

/** A URL for each value of a path parameter. A new parameter must be taught here, or its route is not walked. */
const parameters: Readonly<Record<string, () => Promise<readonly string[]>>> = {
  name: async () => metrics.map(({ name }) => name),
  // Of both coaches.
  user_id: async () => ['member-0', 'member-1'],
  id: async () => {
    const body = { type: 'metric', format: 'csv', params: { metric: 'dau' } }
    const answer = await platform.post(alpha, '/api/analytics/exports', body, 'admin', { 'idempotency-key': 'walk' })
    return [(answer.body as { id: string }).id]
  },
  cohortId: async () => {
    const answer = await platform.get<{ cohorts: { cohort: string }[] }>(alpha, '/api/analytics/cohorts')
    return [...answer.body.cohorts.slice(-3).map(({ cohort }) => cohort), betasMonth]
  },
}

async function readablePaths(): Promise<string[]> {
  const document = (await platform.app.inject('/documentation/json')).json<{ paths: Record<string, object> }>()
  const found: string[] = []
  for (const [path, operations] of Object.entries(document.paths)) {
    if (!('get' in operations) || !path.startsWith('/api/analytics')) continue
    const [, parameter] = /\{(\w+)\}/.exec(path) ?? []
    if (parameter === undefined) found.push(path)
    else for (const value of (await parameters[parameter]?.()) ?? []) found.push(path.replace(`{${parameter}}`, value))
    expect(parameter === undefined || parameter in parameters, `no values for ${path}`).toBe(true)
  }
  for (const { name, dimensions, granularities } of metrics)
    for (const dimension of dimensions)
      found.push(
        `/api/analytics/metrics/${name}?group_by=${dimension}&granularity=${granularities.at(-1)}&from=${betasMonth}-01`,
      )
  return found
}

/** An answer without what changes with the clock; fractions add up in any order, so their last digits do not count. */
const timeless = (text: string): string =>
  text
    .replace(/"(fresh_until|as_of|evaluated_at)":"[^"]*"/g, '"$1":""')
    // alerts about silence and freshness grow by the second
    .replace(/"since":"[^"]*","value":[^,]*/g, '')
    .replace(/-?\d+\.\d{9,}(e-?\d+)?/g, (number) => String(Number(Number(number).toPrecision(10))))

beforeAll(async () => {
  platform = await openPlatform()
  alpha = await platform.createTenant({ slug: ALPHA, timezone: 'Europe/Berlin' })
  beta = await platform.createTenant({ slug: BETA, timezone: 'Asia/Kathmandu' })
  await platform.send(alpha, busyTenant({ end: now, mark: ALPHA }))
  await platform.settle()
  await platform.score(alpha)
  paths = await readablePaths()
  alone = new Map()
  for (const path of paths) {
    const answer = await platform.get(alpha, path)
    alone.set(path, `${answer.status} ${timeless(answer.text)}`)
  }
  // The same ids at the same instants, and more that only beta has: months before, in other cohorts.
  const events = busyTenant({ end: now, mark: BETA, members: 5 })
  const sent = await platform.send(beta, [...events, ...busyTenant({ end: now - EARLIER, mark: BETA, members: 5 })])
  expect(sent.duplicates).toBe(0)
  await platform.settle()
  await platform.score(beta)
}, 240_000)
afterAll(() => platform.close())

describe('every route that reads', () => {
  test('answers both tenants with their own rows: one right after the other, from a cold and from a warm cache', async () => {
    expect(paths.length).toBeGreaterThan(metrics.length + 8)
    for (const round of ['cold', 'warm'])
      for (const path of paths) {
        const ofAlpha = await platform.get(alpha, path)
        const ofBeta = await platform.get(beta, path)
        const where = `${round} ${path}`
        // What alpha is told does not depend on whether beta exists.
        expect.soft(`${ofAlpha.status} ${timeless(ofAlpha.text)}`, where).toBe(alone.get(path))
        expect.soft(ofAlpha.text, where).not.toMatch(new RegExp(`${BETA}|${beta.id}`))
        expect.soft(ofBeta.text, where).not.toMatch(new RegExp(`${ALPHA}|${alpha.id}`))
      }
  }, 120_000)

  test('says more about one tenant than about nobody', async () => {
    const answered = paths.filter((path) => alone.get(path)?.startsWith('200'))
    expect(answered.length / paths.length).toBeGreaterThan(0.9)
    expect([...alone.values()].filter((text) => text.includes(ALPHA)).length).toBeGreaterThan(5)
  })

  test('a validator of another tenant’s answer is no proof of having it', async () => {
    const path = '/api/analytics/metrics/dau?group_by=plan'
    const etag = String((await platform.get(alpha, path)).headers.etag)
    const answer = await platform.get(beta, path, 'admin', { headers: { 'if-none-match': etag } })
    expect(answer.status).toBe(200)
  })

  test('another tenant’s cohort, and another tenant’s filter values, find nothing', async () => {
    expect((await platform.get(beta, `/api/analytics/cohorts/${betasMonth}`)).status).toBe(200)
    expect((await platform.get(alpha, `/api/analytics/cohorts/${betasMonth}`)).status).toBe(404)
    const answer = await platform.get<{ series: { points: { value: number }[] }[] }>(
      alpha,
      `/api/analytics/metrics/mau?filter[plan]=pro-${BETA}`,
    )
    expect(answer.body.series.flatMap(({ points }) => points).filter(({ value }) => value > 0)).toEqual([])
  })

  test('a coach is answered as an admin who asks for that coach, whoever asked before', async () => {
    for (const { name, granularities, dimensions, roles } of metrics) {
      if (!roles.includes('coach') || !dimensions.includes('coach')) continue
      const path = `/api/analytics/metrics/${name}?granularity=${granularities.at(-1)}`
      const whole = await platform.get<{ series: unknown }>(alpha, path)
      const own = await platform.get<{ series: unknown }>(alpha, path, 'coach', { coachId: 'coach-1' })
      const asked = await platform.get<{ series: unknown }>(alpha, `${path}&filter[coach]=coach-1`)
      expect.soft(own.body.series, name).toEqual(asked.body.series)
      expect.soft((await platform.get<{ series: unknown }>(alpha, path)).body.series, name).toEqual(whole.body.series)
      const others = `${path}&group_by=coach&filter[coach]=coach-2`
      const foreign = await platform.get<{ series: { points: { value: number | null }[] }[] }>(alpha, others, 'coach', {
        coachId: 'coach-1',
      })
      expect
        .soft(
          foreign.body.series.flatMap(({ points }) => points.filter(({ value }) => value)),
          name,
        )
        .toEqual([])
    }
  })

  test('a coach sees members of nobody else on any route', async () => {
    // coach-2 has members 1, 3, 5, 7: no list may name them to coach-1.
    for (const path of paths) {
      const answer = await platform.get(alpha, path, 'coach', { coachId: 'coach-1' })
      expect.soft([200, 403, 404], path).toContain(answer.status)
      expect.soft(answer.text, path).not.toMatch(/member-[1357]\b/)
    }
  })
})

describe('the database role of the API', () => {
  const views = async (): Promise<string[]> =>
    (
      await platform.db.pool.query<{ name: string }>(
        `select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = 'tenant' and c.relkind in ('v', 'm', 'r', 'p') order by 1`,
      )
    ).rows.map(({ name }) => name)

  /** Runs one statement as the API's role, without any tenant, and gives its error code. */
  async function codeOf(sql: string, readOnly = true): Promise<string | undefined> {
    const client = await platform.db.pool.connect()
    try {
      await client.query(readOnly ? 'begin read only' : 'begin')
      await client.query('set local role analytics_api')
      await client.query(sql)
      return undefined
    } catch (error) {
      return (error as { code?: string }).code
    } finally {
      await client.query('rollback')
      client.release()
    }
  }

  test('sees through each view the rows of its tenant only', async () => {
    const names = await views()
    expect(names.length).toBeGreaterThan(8)
    const filled: string[] = []
    for (const name of names)
      for (const [tenant, mark, id] of [
        [alpha, BETA, beta.id],
        [beta, ALPHA, alpha.id],
      ] as const) {
        const rows = await withTenant(platform.db.pool, tenant.id, async (client) => {
          const { rows: found } = await client.query<{ row: string }>(
            `select to_jsonb(v)::text as row from tenant.${name} v`,
          )
          return found.map(({ row }) => row)
        })
        if (rows.length > 0) filled.push(name)
        expect
          .soft(
            rows.filter((row) => row.includes(id) || row.includes(mark)),
            `${name} as ${tenant.slug}`,
          )
          .toEqual([])
      }
    expect(filled).toEqual(
      expect.arrayContaining(['activity', 'goals_daily', 'member_days', 'members', 'members_daily']),
    )
  })

  test('each view is an error without a tenant, and with one that is none', async () => {
    for (const name of await views()) {
      if (shared.includes(name)) continue
      expect.soft(await codeOf(`select * from tenant.${name}`), name).toMatch(/42704|22P02/)
      expect.soft(await codeOf(`set local app.tenant_id = 'nobody'; select * from tenant.${name}`), name).toBe('22P02')
    }
  })

  test('each view is a barrier: no function of a reader runs before its filter', async () => {
    const { rows } = await platform.db.pool.query(
      `select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where n.nspname = 'tenant' and c.relkind = 'v' and not coalesce(c.reloptions, '{}') @> array['security_barrier=true']`,
    )
    expect(rows).toEqual([])
  })

  test('has no privilege on base tables, aggregates, chunks or what is inside them', async () => {
    const { rows } = await platform.db.pool.query<{ relation: string; privileges: string[] }>(
      `select format('%I.%I', n.nspname, c.relname) as relation, array_agg(p) as privileges
       from pg_class c
       join pg_namespace n on n.oid = c.relnamespace
       cross join unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) p
       where c.relkind in ('r', 'v', 'm', 'p', 'f')
         and (n.nspname in ('analytics', 'public')
           or n.nspname = '_timescaledb_internal' and c.relname ~ '^(_hyper_|compress_hyper_|_compressed_|_partial_|_direct_|_materialized_)')
         and c.relname not like 'pg\\_%'
         and has_table_privilege('analytics_api', c.oid, p)
       group by 1`,
    )
    expect(rows).toEqual([])
    const chunk = await platform.db.pool.query<{ name: string }>(
      `select format('%I.%I', chunk_schema, chunk_name) as name from timescaledb_information.chunks
       where hypertable_name = 'events' limit 1`,
    )
    for (const relation of [
      'analytics.events',
      'analytics.members',
      'analytics.tenants',
      'analytics.tenant_secrets',
      'analytics.members_daily',
      chunk.rows[0]?.name,
    ])
      expect.soft(await codeOf(`select * from ${relation}`), relation).toBe('42501')
  })

  test('changes nothing: views are for reading, and schemas for nobody to create in', async () => {
    for (const name of await views())
      for (const sql of [`delete from tenant.${name}`, `insert into tenant.${name} default values`])
        expect.soft(await codeOf(`set local app.tenant_id = '${alpha.id}'; ${sql}`, false), sql).toMatch(/42501|55000/)
    const update = `set local app.tenant_id = '${alpha.id}'; update tenant.members set signup_plan = 'x'`
    expect(await codeOf(update, false)).toBe('42501')
    for (const schema of ['analytics', 'tenant', '_timescaledb_internal'])
      expect.soft(await codeOf(`create table ${schema}.mine (x int)`, false), schema).toBe('42501')
    expect(await codeOf('call run_job(1000)', false)).toBeDefined()
    expect(await codeOf(`select drop_chunks('analytics.events', older_than => now())`, false)).toBe('42501')
  })
})
