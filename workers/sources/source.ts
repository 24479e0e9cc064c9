import type { z } from 'zod'
import type { AcceptedBatch } from '../../db/accept-events.ts'
import type { Tenant } from '../../db/tenant.ts'
import type { Logger } from '../context.ts'

/** A message of which no event can be made. */
export interface RejectedMessage {
  /** As it came; personal data is replaced before it is kept. */
  readonly body: unknown
  /** Stable, snake_case, such as `unreadable_message`. */
  readonly code: string
  /** What is wrong and what to do; never a value of the message. */
  readonly message: string
}

export interface SourceBatch<Position> {
  /** Events as the API takes them, with ids that are the same when the message is read again. */
  readonly events: readonly unknown[]
  readonly rejected?: readonly RejectedMessage[]
  /** How many messages this was, those without an event included. Default: one per event and rejected message. */
  readonly messages?: number
  /** Where to go on after this batch; left out: unchanged, or kept by the other side (consumer groups). */
  readonly position?: Position
  /** The sender's clock when it sent, for all events of the batch (RFC 3339); corrects a wrong clock. */
  readonly sentAt?: string
  /** How far behind the source is after this batch. */
  readonly lagSeconds?: number
}

/** What a source is given for one run. */
export interface SourceRun<Settings, Position> {
  readonly tenant: Tenant
  readonly settings: Settings
  /** Undefined: the tenant never set it. */
  secret(name: string): string | undefined
  /** The last committed position; undefined on the first run. */
  readonly position: Position | undefined
  /** Aborted when the source must stop: switched off, changed, shutting down, or run by another worker now. */
  readonly signal: AbortSignal
  /**
   * Stores the events durably, then the position. When it rejects, nothing of the batch counts as read: end the run with
   * that error. Tell the other side (XACK, offsets, LSN) only after it has resolved.
   */
  accept(batch: SourceBatch<Position>): Promise<AcceptedBatch>
  /** How far behind the source is while nothing arrives; call it as often as you like. */
  lag(seconds: number): void
  /** How much waits on the other side, in its own unit (entries, messages, bytes of log). */
  backlog(amount: number): void
  readonly logger: Logger
}

/** `againInSeconds`: when the next run begins. Without it the source has nothing to wait for and begins again at once. */
export type RunEnd = { readonly againInSeconds: number } | undefined

interface Definition<Settings extends z.ZodObject, Position extends z.ZodType> {
  /** As in `source.<name>.enabled`; lower case and underscores. */
  readonly name: string
  /** Where to read what it is and how it is set up. */
  readonly docs: `docs/sources/${string}.md`
  /** Of `source.<name>.*`, without `enabled`. Tenants are not trusted with more than these. */
  readonly settings: Settings
  /** Settings that are stored encrypted, such as `url`: secrets `source.<name>.<secret>`. */
  readonly secrets: readonly string[]
  readonly position: Position
  /**
   * Reads until the signal is aborted, or until there is nothing more for now. An error ends the run; the next one
   * begins after a pause, from the last committed position.
   */
  run(run: SourceRun<z.infer<Settings>, z.infer<Position>>): Promise<RunEnd>
}

/** A kind of source that tenants may switch on. */
export interface Source extends Pick<Definition<z.ZodObject, z.ZodType>, 'name' | 'docs' | 'settings' | 'secrets'> {
  /** Settings and position as they are stored; throws when they are not valid. */
  run(run: SourceRun<unknown, unknown>): Promise<RunEnd>
}

export class SourceMisconfigured extends Error {}

/** Ties settings, position and run together; outside, the types are the same for all sources. */
export function defineSource<Settings extends z.ZodObject, Position extends z.ZodType>(
  definition: Definition<Settings, Position>,
): Source {
  const { name, docs, settings, secrets } = definition
  return {
    name,
    docs,
    settings,
    secrets,
    run(run) {
      const given = settings.safeParse(run.settings)
      if (!given.success) {
        const problems = given.error.issues.map(({ path, message }) => `source.${name}.${path.join('.')}: ${message}`)
        throw new SourceMisconfigured(problems.join('; '))
      }
      const position = run.position === undefined ? undefined : definition.position.parse(run.position)
      return definition.run({ ...run, settings: given.data, position })
    },
  }
}

/** A secret that must be there. */
export function requireSecret(run: Pick<SourceRun<unknown, unknown>, 'secret'>, source: string, name: string): string {
  const value = run.secret(name)
  if (value !== undefined) return value
  throw new SourceMisconfigured(
    `source.${source}.${name} is not set: npm run tenant -- set <slug> source.${source}.${name}=-`,
  )
}
