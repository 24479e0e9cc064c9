import type { FastifyInstance } from 'fastify'
import { DateTime } from 'luxon'
import { type AppDeps, buildApp } from '../../api/app.ts'
import { memoryCache } from '../../api/cache/memory.ts'
import { cacheTag } from '../../api/cache.ts'
import { analytics } from '../../api/routes/analytics/index.ts'
import { type WebhookOptions, webhooks } from '../../api/routes/webhooks/index.ts'
import { embedKeyOf } from '../../api/security/embeds.ts'
import { verificationKeys } from '../../api/security/keys.ts'
import type { Role } from '../../api/security/principal.ts'
import { signToken } from '../../api/security/tokens.ts'
import { webApp } from '../../api/web-app.ts'
import { loadConfig } from '../../config.ts'
import { refreshTouched } from '../../db/aggregates.ts'
import { scoreTenant } from '../../db/churn/score.ts'
import { foldDirty } from '../../db/ledgers.ts'
import { foldRevenue } from '../../db/revenue/fold.ts'
import { createTenant, type NewTenant, type Tenant } from '../../db/tenant.ts'
import type { ObjectStore } from '../../objects/store.ts'
import { openTestDatabase, type TestDatabase } from './database.ts'
import { testObjects } from './objects.ts'

const secret = new TextEncoder().encode('a secret for tests only, thirty-two bytes and more')
const masterKey = Buffer.alloc(32, 7)

export interface Answer<T = unknown> {
  readonly status: number
  readonly headers: Record<string, string | string[] | number | undefined>
  readonly body: T
  readonly text: string
}

export interface Platform {
  readonly app: FastifyInstance
  readonly db: TestDatabase
  readonly objects: ObjectStore
  /** Encrypts the tenants' secrets. */
  readonly masterKey: Buffer
  /** A token as a person would hold it; a coach is coach-1 unless named. */
  token(tenant: Tenant, role: Role, coachId?: string): Promise<string>
  createTenant(tenant: Partial<NewTenant> & { slug: string }): Promise<Tenant>
  /** POSTs events in batches of at most 2,000 as the tenant's service; fails the test unless each answer is 200. */
  send(
    tenant: Tenant,
    events: readonly unknown[],
    sentAt?: string,
  ): Promise<{ accepted: number; duplicates: number; rejected: number }>
  /** Folds what is dirty and refreshes what was touched, until nothing is left. */
  settle(): Promise<void>
  /** Scores the last quarter's closed days as if the import were over, then settles. */
  score(tenant: Tenant): Promise<void>
  get<T = unknown>(
    tenant: Tenant,
    path: string,
    role?: Role,
    options?: { coachId?: string; headers?: Record<string, string> },
  ): Promise<Answer<T>>
  post(tenant: Tenant, path: string, body: unknown, role?: Role, headers?: Record<string, string>): Promise<Answer>
  delete<T = unknown>(tenant: Tenant, path: string, role?: Role): Promise<Answer<T>>
  close(): Promise<void>
}

/** The real API on the real engine, without workers: the test decides when ledgers and aggregates move. */
export async function openPlatform(
  options: {
    env?: Record<string, string>
    deps?: Partial<AppDeps> | ((db: TestDatabase) => Partial<AppDeps>)
    webhooks?: Partial<WebhookOptions>
    /** A database of the test's own making instead of a fresh one; closed with the platform. */
    db?: TestDatabase
    /** Built dashboards to serve. */
    web?: string | undefined
  } = {},
): Promise<Platform> {
  const db = options.db ?? (await openTestDatabase())
  const config = loadConfig({ NODE_ENV: 'test', LOG_LEVEL: 'silent', RATE_LIMIT_PER_MINUTE: '1000000', ...options.env })
  const objects = testObjects(db)
  const app = await buildApp({
    config,
    database: db,
    keys: { ...verificationKeys(config, secret), embedKey: embedKeyOf(masterKey) },
    cache: memoryCache(),
    objects,
    ...(typeof options.deps === 'function' ? options.deps(db) : options.deps),
  })
  await app.register(analytics, { masterKey })
  await app.register(webhooks, { masterKey, ...options.webhooks })
  if (options.web !== undefined) await app.register(webApp, { directory: options.web })
  await app.ready()

  const token = (tenant: Tenant, role: Role, coachId = 'coach-1') =>
    signToken(
      {
        sub: `${role}@test`,
        tenantId: tenant.id,
        role,
        coachId: role === 'coach' ? coachId : undefined,
        ttl: '10m',
      },
      { secret },
    )
  const bearer = async (tenant: Tenant, role: Role, coachId?: string) => ({
    authorization: `Bearer ${await token(tenant, role, coachId)}`,
  })
  const answer = (response: Awaited<ReturnType<typeof app.inject>>): Answer<never> => ({
    status: response.statusCode,
    headers: response.headers,
    body: (String(response.headers['content-type']).includes('json') ? response.json() : response.body) as never,
    text: response.body,
  })
  const settle = async () => {
    while ((await foldDirty(db.pool)).members > 0);
    while ((await foldRevenue(db.pool)).events > 0);
    await refreshTouched(db.pool)
    const { rows } = await db.pool.query<{ id: string }>('select id from analytics.tenants')
    await app.deps.cache.invalidate(rows.map(({ id }) => cacheTag(id, 'kpi')))
  }
  return {
    app,
    db,
    objects,
    masterKey,
    token,
    createTenant: (tenant) => createTenant(db.pool, { timezone: 'UTC', currency: 'USD', ...tenant }),
    async send(tenant, events, sentAt) {
      const total = { accepted: 0, duplicates: 0, rejected: 0 }
      const headers = await bearer(tenant, 'service')
      for (let i = 0; i < events.length; i += 2_000) {
        const payload = { ...(sentAt ? { sent_at: sentAt } : {}), events: events.slice(i, i + 2_000) }
        const response = await app.inject({ method: 'POST', url: '/api/analytics/events', headers, payload })
        if (response.statusCode !== 200) throw new Error(`events: ${response.statusCode} ${response.body}`)
        const body = response.json<typeof total>()
        total.accepted += body.accepted
        total.duplicates += body.duplicates
        total.rejected += body.rejected
      }
      return total
    },
    async score(tenant) {
      const last_day = DateTime.now().setZone(tenant.timezone).minus({ days: 1 }).toISODate() ?? ''
      await scoreTenant(db.pool, { tenant_id: tenant.id, last_day, scored_day: null, fitted_day: null })
      await settle()
    },
    settle,
    async get(tenant, path, role = 'admin', { coachId, headers = {} } = {}) {
      return answer(
        await app.inject({
          method: 'GET',
          url: path,
          headers: { ...(await bearer(tenant, role, coachId)), ...headers },
        }),
      )
    },
    async post(tenant, path, body, role = 'service', headers = {}) {
      const payload = body as string | object | Buffer
      return answer(
        await app.inject({
          method: 'POST',
          url: path,
          payload,
          headers: { ...(await bearer(tenant, role)), ...headers },
        }),
      )
    },
    async delete(tenant, path, role = 'admin') {
      return answer(await app.inject({ method: 'DELETE', url: path, headers: await bearer(tenant, role) }))
    },
    async close() {
      await app.close()
      await db.close()
    },
  }
}
