import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import pg from 'pg'
import { type AppDeps, buildApp } from '../../../api/app.ts'
import { memoryCache } from '../../../api/cache/memory.ts'
import { verificationKeys } from '../../../api/security/keys.ts'
import type { Role } from '../../../api/security/principal.ts'
import { signToken } from '../../../api/security/tokens.ts'
import { loadConfig } from '../../../config.ts'
import type { Database } from '../../../db/database.ts'
import { testObjects } from '../../support/objects.ts'

export const secret = new TextEncoder().encode('a secret for tests only, thirty-two bytes and more')
export const tenantA = '11111111-1111-4111-8111-111111111111'
export const tenantB = '22222222-2222-4222-8222-222222222222'

export const testConfig = (env: Record<string, string> = {}) =>
  loadConfig({ NODE_ENV: 'test', LOG_LEVEL: 'info', ...env })

/** A database nobody listens at: whatever a test does to reach it fails as it would in production. */
export function absentDatabase(state: { available: boolean } = { available: true }): Database {
  const connection = { host: '127.0.0.1', port: 1 }
  const pool = new pg.Pool(connection)
  return { kind: 'server', connection, pool, available: () => state.available, close: () => pool.end() }
}

export type TestApp = { app: FastifyInstance; lines: string[] }

/** The real app without a database; `routes` are registered beside its own. The caller closes it. */
export async function bootApp(
  routes?: (app: FastifyInstance) => void | Promise<void>,
  deps: Partial<AppDeps> = {},
): Promise<TestApp> {
  const lines: string[] = []
  const config = deps.config ?? testConfig()
  const app = await buildApp({
    config,
    database: absentDatabase(),
    keys: verificationKeys(config, secret),
    cache: memoryCache(),
    objects: testObjects({ dataDir: join(tmpdir(), 'upcoach-no-objects') }),
    logStream: { write: (line) => lines.push(line) },
    ...deps,
  })
  if (routes) await app.register(async (scope) => routes(scope))
  await app.ready()
  return { app, lines }
}

export async function bearer(
  role: Role = 'admin',
  tenantId = tenantA,
  coachId = role === 'coach' ? 'coach-1' : undefined,
) {
  const token = await signToken({ sub: `${role}-user`, tenantId, role, coachId, ttl: '5m' }, { secret })
  return { authorization: `Bearer ${token}` }
}
