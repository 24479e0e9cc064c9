import type { Redis } from 'ioredis'
import type { Config } from '../config.ts'
import type { Database } from '../db/database.ts'
import type { ObjectStore } from '../objects/store.ts'
import type { AuditEntry } from './audit.ts'
import type { Cache } from './cache.ts'
import type { Collector } from './plugins/http-metrics.ts'
import type { VerificationKeys } from './security/keys.ts'

/** One thing that must be in order before this instance takes traffic. `detail` is public: no hosts, no errors. */
export type ReadinessCheck = {
  readonly name: string
  check(): Promise<{ readonly ok: boolean; readonly detail?: string }>
}

/** Everything the platform stands on, handed in by whoever starts it. */
export type AppDeps = {
  readonly config: Config
  readonly database: Database
  readonly keys: VerificationKeys
  readonly cache: Cache
  readonly objects: ObjectStore
  /** Shares rate limits between instances; without it they are counted in this process. */
  readonly redis?: Redis | undefined
  /** Takes one entry per authenticated request; must not block. Rejections are logged and counted. */
  readonly audit?: ((entry: AuditEntry) => void | Promise<void>) | undefined
  readonly readiness?: readonly ReadinessCheck[] | undefined
  readonly collectors?: readonly Collector[] | undefined
  /** Where log lines (JSON) go; standard output by default. */
  readonly logStream?: { write(line: string): void } | undefined
}

declare module 'fastify' {
  interface FastifyInstance {
    readonly deps: AppDeps
  }
}
