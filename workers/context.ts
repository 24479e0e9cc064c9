import type { Database } from '../db/database.ts'
import type { MasterKey } from '../db/secrets.ts'
import type { ObjectStore } from '../objects/store.ts'
import type { Queues } from './queues.ts'

/** Where workers write; pino and Fastify's `app.log` fit. Fields must not hold members' data. */
export interface Logger {
  info(fields: Readonly<Record<string, unknown>>, message: string): void
  warn(fields: Readonly<Record<string, unknown>>, message: string): void
  error(fields: Readonly<Record<string, unknown>>, message: string): void
}

/** How tenants’ webhooks are called. */
interface WebhookLimits {
  /** Hosts that may be reached by plain http and at private addresses. */
  readonly allowedHosts: readonly string[]
  readonly timeoutMs: number
}

/** What every processor gets beside its payload. */
export interface WorkerContext {
  readonly database: Pick<Database, 'kind' | 'pool' | 'available'>
  readonly queues: Queues
  readonly objects: ObjectStore
  readonly webhooks: WebhookLimits
  readonly logger: Logger
  /** Encrypts tenants' secrets: the keys of receipts among them. */
  readonly masterKey: MasterKey
  /** true from the moment the process begins to shut down: long work stops at its next safe point. */
  isClosing(): boolean
}
