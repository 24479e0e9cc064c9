import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { buildApp } from '../api/app.ts'
import { memoryCache } from '../api/cache/memory.ts'
import { cacheRedis, redisCache } from '../api/cache/redis.ts'
import { type Cache, cacheTag } from '../api/cache.ts'
import { analytics } from '../api/routes/analytics/index.ts'
import { webhooks } from '../api/routes/webhooks/index.ts'
import { embedKeyOf } from '../api/security/embeds.ts'
import { verificationKeys } from '../api/security/keys.ts'
import { loadSecrets, type Secrets } from '../api/security/secrets.ts'
import { webApp } from '../api/web-app.ts'
import type { Config } from '../config.ts'
import { auditWriter } from '../db/audit.ts'
import { type Database, openDatabase } from '../db/database.ts'
import { REFRESHED_CHANNEL } from '../db/ledgers.ts'
import { listen } from '../db/listen.ts'
import { migrate, pendingMigrations } from '../db/migrate.ts'
import { currentKey } from '../db/secrets.ts'
import { listTenants } from '../db/tenant.ts'
import { openObjectStore } from '../objects/open.ts'
import type { ObjectStore } from '../objects/store.ts'
import { readinessChecks, workerCollectors } from '../workers/observability.ts'
import { openQueues, type Queues } from '../workers/queues.ts'
import { sources } from '../workers/sources/catalog.ts'
import { startSources } from '../workers/sources/start.ts'
import { startWorkers, type Workers } from '../workers/start.ts'
import { createLogger, type LogStream } from './logger.ts'
import { UserError } from './run.ts'
import { builtWeb } from './web.ts'

export interface Platform {
  readonly config: Config
  readonly database: Database
  readonly queues: Queues
  readonly objects: ObjectStore
  readonly secrets: Secrets
  readonly logger: FastifyBaseLogger
  /** Closes everything that was added, last first. One that fails does not keep the others open. */
  close(): Promise<void>
  /** Has `work` done on close, before everything that is there already. */
  onClose(work: () => Promise<void>): void
}

/**
 * What API and workers both stand on: database, secrets, queues. The embedded engine is brought up to date here; a
 * server that lacks migrations is refused, because there they run once, before the new version starts.
 */
export async function openPlatform(config: Config, logStream?: LogStream): Promise<Platform> {
  const logger = createLogger(config, logStream)
  const closers: (() => Promise<void>)[] = []
  const close = async () => {
    for (const work of closers.splice(0).reverse())
      await work().catch((err: Error) => logger.error({ err }, 'a part of the platform did not close'))
  }
  try {
    const secrets = await loadSecrets(config)
    const database = await openDatabase({ ...config, onLog: (line, level) => logger[level]({}, line) })
    closers.push(database.close)
    if (database.kind === 'embedded') await migrate(database.connection)
    else await refusePending(database)
    const queues = await openQueues(config, database, (err) => logger.warn({ err }, 'a queue reports an error'))
    closers.push(queues.close)
    const objects = await openObjectStore(config, {
      masterKey: currentKey(secrets.masterKey),
      origin: new URL(config.PUBLIC_URL ?? localUrl(config)).origin,
    })
    closers.push(() => objects.close())
    return { config, database, queues, objects, secrets, logger, close, onClose: (work) => closers.push(work) }
  } catch (error) {
    await close()
    throw error
  }
}

async function refusePending(database: Database): Promise<void> {
  const pending = await pendingMigrations(database.pool)
  if (pending.length > 0) throw new UserError(`the database lacks ${pending.length} migrations: npm run migrate`)
}

/** Where a client on this machine reaches a server of this configuration. */
export function localUrl({ HOST, PORT }: Pick<Config, 'HOST' | 'PORT'>): string {
  const host = HOST === '0.0.0.0' ? '127.0.0.1' : HOST === '::' ? '[::1]' : HOST.includes(':') ? `[${HOST}]` : HOST
  return `http://${host}:${PORT}`
}

/** The API on a platform, ready to listen. */
export async function openApp(platform: Platform, logStream?: LogStream): Promise<FastifyInstance> {
  const { config, database, queues, objects, secrets, logger } = platform
  const redis = config.REDIS_URL === undefined ? undefined : cacheRedis(config.REDIS_URL)
  if (redis) platform.onClose(async () => redis.disconnect())
  const cache = redis ? redisCache(redis) : memoryCache()
  await forgetChanged(platform, cache)
  const audit = auditWriter(database.pool, (err) =>
    logger.error({ err }, 'audit entries wait: they could not be written'),
  )
  platform.onClose(audit.close)
  const app = await buildApp({
    config,
    database,
    cache,
    objects,
    keys: {
      ...verificationKeys(config, secrets.jwtSecret, config.JWT_ALGORITHM),
      embedKey: embedKeyOf(currentKey(secrets.masterKey)),
    },
    redis,
    audit: audit.write,
    readiness: readinessChecks(database, queues),
    collectors: workerCollectors(database, queues),
    logStream,
  })
  await app.register(analytics, {
    masterKey: secrets.masterKey,
    ingested: queues.requestFold,
    // A request that is lost here is made up for by the schedule.
    erasing: () =>
      void queues
        .add('erase-members', {})
        .catch((err: Error) => logger.warn({ err }, 'an erasure waits for its schedule')),
    exportRequested: queues.requestExports,
  })
  await app.register(webhooks, { masterKey: secrets.masterKey, ingested: queues.requestFold })
  const directory = await builtWeb(logger)
  if (directory !== undefined) await app.register(webApp, { directory })
  return app
}

/** Tags of everything that is computed from a tenant's events. */
const tagsOf = (tenantId: string) => [cacheTag(tenantId, 'kpi')]

/** Cached answers die when a fold or a refresh, in whichever process, announces that their tenant's numbers changed. */
async function forgetChanged({ database, logger, onClose }: Platform, cache: Cache): Promise<void> {
  const forget = (tenantIds: readonly string[]) =>
    cache
      .invalidate(tenantIds.flatMap(tagsOf))
      .catch((err: Error) => logger.warn({ err }, 'cached answers could not be dropped; they end with their lifetime'))
  const subscription = await listen(database, REFRESHED_CHANNEL, {
    payload: (payload) => void forget(payload.split(',').filter(Boolean)),
    gap: () =>
      void listTenants(database.pool)
        .then((tenants) => forget(tenants.map(({ id }) => id)))
        .catch((err: Error) => logger.warn({ err }, 'what changed while the database was away is not known')),
  })
  onClose(subscription.close)
}

/** Workers on a platform, and the sources that tenants have switched on. */
export async function openWorkers(platform: Platform): Promise<Workers> {
  const { secrets, queues } = platform
  const workers = await startWorkers(platform)
  platform.onClose(workers.close)
  const running = await startSources({
    ...platform,
    masterKey: secrets.masterKey,
    accepted: queues.requestFold,
    sources,
  })
  platform.onClose(running.close)
  return workers
}
