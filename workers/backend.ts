import {
  type BackendFactory,
  createPostgresBackend,
  createRedisBackend,
  type IQueueBackend,
  type PostgresConnectionOptions,
} from 'bullmq'
import type { Config } from '../config.ts'
import type { Database } from '../db/database.ts'

/** What queues and workers are made with: BullMQ on our PostgreSQL, or on Redis where there is one. */
export type QueueBackend = BackendFactory<IQueueBackend, unknown>

/** Its own schema: BullMQ migrates it by itself, apart from our migrations. */
const SCHEMA = 'bullmq'
/** Each queue and each worker has a pool; none of them runs more than two statements at once. */
const POOL_SIZE = 2

const lostConnectionCodes = new Set(['ENOENT', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN'])
const isShutdownState = (code: string) => /^(08...|57P0[123])$/.test(code)
const lostConnectionMessage = /^(Connection terminated|Client has encountered a connection error|timeout exceeded)/

/** Whether a query failed because its server is away, so that it is worth trying again as it is. */
export function isLostConnection(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ECONNREFUSED') return true
  if (code !== undefined && (lostConnectionCodes.has(code) || isShutdownState(code))) return true
  return lostConnectionMessage.test(error.message)
}

/**
 * BullMQ takes only ECONNREFUSED for a lost connection, which it survives by trying again; anything else ends the
 * operation and leaves a job active until its lock expires. The embedded engine's socket file is gone while it restarts
 * (ENOENT), and a server that restarts says so in several ways: all of them are given the one name BullMQ knows.
 */
function survivesRestarts(backend: IQueueBackend): IQueueBackend {
  const proxy: IQueueBackend = new Proxy(backend, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target)
      if (typeof value !== 'function') return value
      return (...values: unknown[]) => {
        const result: unknown = Reflect.apply(value, target, values)
        // Fluent calls (on, once) give the target: keep callers on this side.
        if (result === target) return proxy
        return result instanceof Promise ? result.catch(renamed) : result
      }
    },
  })
  return proxy
}

function renamed(error: unknown): never {
  if (!isLostConnection(error)) throw error
  throw Object.assign(new Error('the queue database does not answer (ECONNREFUSED)', { cause: error }), {
    code: 'ECONNREFUSED',
  })
}

/** `migrate` creates or upgrades BullMQ's schema when the first connection is made. */
export function queueBackend(
  config: Pick<Config, 'REDIS_URL'>,
  database: Pick<Database, 'connection'>,
  options: { migrate?: boolean } = {},
): QueueBackend {
  const { REDIS_URL } = config
  if (REDIS_URL !== undefined)
    return (name, given, kind) =>
      // Null: a worker waits for Redis for as long as it takes.
      createRedisBackend(name, { ...given, connection: { url: REDIS_URL, maxRetriesPerRequest: null } }, kind)
  const connection = {
    ...database.connection,
    schema: SCHEMA,
    max: POOL_SIZE,
    ...(options.migrate ? { migrate: true } : {}),
  } as PostgresConnectionOptions
  return (name, given, kind) => survivesRestarts(createPostgresBackend(name, { ...given, connection }, kind))
}
