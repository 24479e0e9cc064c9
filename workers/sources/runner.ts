import type pg from 'pg'
import { retentionMonths } from '../../db/accept-events.ts'
import { type MasterKey, piiKey, readSecret } from '../../db/secrets.ts'
import { endRun, type Lease, LeaseLost, renewLease, takeLease } from '../../db/sources/runners.ts'
import type { Tenant } from '../../db/tenant.ts'
import type { Logger } from '../context.ts'
import { acceptBatch } from './accept.ts'
import { pause } from './pause.ts'
import type { Source } from './source.ts'

export interface RunnerOptions {
  readonly pool: pg.Pool
  readonly masterKey: MasterKey
  readonly logger: Logger
  /** This process, as other workers see it. */
  readonly holder: string
  /** Called after a batch brought something new. */
  readonly accepted: () => void
  /** How long a worker may be silent before another takes over, and the first pause after an error. */
  readonly leaseSeconds: number
  readonly backoffMs: number
}

/** What a source says about itself between batches; written with the next sign of life. */
interface Measured {
  lagSeconds?: number
  backlog?: number
}

const MAX_BACKOFF_MS = 300_000
/** Between two runs of a source that ended without asking for a pause. */
const BREATH_MS = 200

/** `source.<name>.*` of a tenant, without the prefix and without `enabled`. */
export function settingsOf(tenant: Pick<Tenant, 'settings'>, name: string): Record<string, unknown> {
  const prefix = `source.${name}.`
  return Object.fromEntries(
    Object.entries(tenant.settings)
      .filter(([key]) => key.startsWith(prefix) && key !== `${prefix}enabled`)
      .map(([key, value]) => [key.slice(prefix.length), value]),
  )
}

/** Runs one source of one tenant, again and again, while this worker holds its lease, until the signal is aborted. */
export async function keepRunning(
  source: Source,
  tenant: Tenant,
  signal: AbortSignal,
  options: RunnerOptions,
): Promise<void> {
  const { pool, holder, leaseSeconds, logger, backoffMs } = options
  const wanted = { tenantId: tenant.id, source: source.name, holder }
  const fields = { tenant: tenant.slug, source: source.name }
  let held: Lease | undefined
  let failures = 0
  while (!signal.aborted) {
    let waitMs = (leaseSeconds * 1000) / 2
    let hasProgressed = false
    const progressed = () => {
      hasProgressed = true
    }
    try {
      const taken = await takeLease(pool, wanted, leaseSeconds)
      if (taken) {
        held = taken.lease
        const end = await withHeartbeat(taken.lease, signal, options, (own, measured) =>
          runOnce(source, tenant, taken, { signal: own, measured, progressed }, options),
        )
        failures = 0
        if (!signal.aborted) await endRun(pool, taken.lease, { state: 'waiting' })
        waitMs = end === undefined ? BREATH_MS : end.againInSeconds * 1000
      }
    } catch (err) {
      if (signal.aborted) break
      if (err instanceof LeaseLost) {
        held = undefined
        logger.warn(fields, 'the source is run by another worker now')
      } else {
        failures = hasProgressed ? 1 : failures + 1
        logger.error({ ...fields, err, failures }, 'a source failed; it is tried again')
        // The database itself may be what is away.
        if (held) await endRun(pool, held, { state: 'failing', error: describe(err) }).catch(() => undefined)
        waitMs = backoff(failures, backoffMs)
      }
    }
    await waitHolding(waitMs, held, signal, options)
  }
  if (held) await endRun(pool, held, { state: 'stopped' }).catch(() => undefined)
}

const backoff = (failures: number, firstMs: number): number =>
  Math.min(firstMs * 2 ** Math.min(failures - 1, 20), MAX_BACKOFF_MS) * (0.75 + Math.random() / 2)

async function runOnce(
  source: Source,
  tenant: Tenant,
  { lease, position }: { lease: Lease; position: unknown },
  { signal, measured, progressed }: { signal: AbortSignal; measured: Measured; progressed: () => void },
  { pool, masterKey, logger, accepted }: RunnerOptions,
) {
  const intake = { tenant, piiKey: await piiKey(pool, masterKey, tenant.id) }
  const secrets = new Map<string, string>()
  for (const name of source.secrets) {
    const value = await readSecret(pool, masterKey, tenant.id, `source.${source.name}.${name}`)
    if (value !== undefined) secrets.set(name, value.toString('utf8'))
  }
  try {
    return await source.run({
      tenant,
      settings: settingsOf(tenant, source.name),
      secret: (name) => secrets.get(name),
      position: position ?? undefined,
      signal,
      lag(seconds) {
        measured.lagSeconds = seconds
      },
      backlog(amount) {
        measured.backlog = Math.trunc(amount)
      },
      logger,
      async accept(batch) {
        signal.throwIfAborted()
        const answer = await acceptBatch(pool, intake, lease, batch)
        progressed()
        if (batch.lagSeconds !== undefined) measured.lagSeconds = batch.lagSeconds
        if (answer.accepted > 0) accepted()
        return answer
      },
    })
  } catch (error) {
    throw withoutSecrets(error, [...secrets.values()])
  }
}

/** Clients put what they were given into their messages. */
function withoutSecrets(error: unknown, secrets: readonly string[]): unknown {
  if (!(error instanceof Error)) return new Error('a source threw what is no error')
  const parts = secrets.flatMap((secret) => [secret, ...passwordsOf(secret)]).filter((part) => part.length > 3)
  if (!parts.some((part) => `${error.message}${error.stack}`.includes(part))) return error
  return new Error(parts.reduce((text, part) => text.replaceAll(part, '•••'), error.message))
}

function passwordsOf(secret: string): string[] {
  if (!URL.canParse(secret)) return []
  const { password } = new URL(secret)
  return [password, decodeURIComponent(password)]
}

/** SQLSTATE classes 22 (data) and 23 (integrity): their messages quote values of the row. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error'
  const { code } = error as NodeJS.ErrnoException
  const text = error.message || code || error.name
  return typeof code === 'string' && /^2[23][0-9A-Z]{3}$/.test(code) ? text.replace(/"[^"]*"/g, '"…"') : text
}

/** Renews the lease while `work` runs; when it is lost, or cannot be renewed in time, the work's signal is aborted. */
async function withHeartbeat<T>(
  lease: Lease,
  signal: AbortSignal,
  { pool, leaseSeconds }: RunnerOptions,
  work: (signal: AbortSignal, measured: Measured) => Promise<T>,
): Promise<T> {
  // Not AbortSignal.any: Node 20 may collect the combined signal while somebody still waits for it.
  const own = new AbortController()
  let lost: Error | undefined
  const stop = () => own.abort()
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  const measured: Measured = {}
  let renewedAt = Date.now()
  let isBeating = false
  const beat = async () => {
    if (isBeating) return
    isBeating = true
    try {
      const asked = Date.now()
      await renewLease(pool, lease, leaseSeconds, measured)
      renewedAt = asked
    } catch (error) {
      if (!(error instanceof LeaseLost) && Date.now() - renewedAt < leaseSeconds * 1000) return
      lost = error instanceof Error ? error : new LeaseLost()
      stop()
    } finally {
      isBeating = false
    }
  }
  const timer = setInterval(() => void beat(), (leaseSeconds * 1000) / 4)
  try {
    const result = await work(own.signal, measured)
    if (lost) throw lost
    return result
  } catch (error) {
    throw lost ?? error
  } finally {
    clearInterval(timer)
    signal.removeEventListener('abort', stop)
  }
}

/** A pause in which the lease is kept, so that another worker does not begin meanwhile what waits for its time. */
async function waitHolding(
  ms: number,
  held: Lease | undefined,
  signal: AbortSignal,
  { pool, leaseSeconds }: RunnerOptions,
): Promise<void> {
  const until = Date.now() + ms
  while (!signal.aborted && Date.now() < until) {
    if (held) await renewLease(pool, held, leaseSeconds).catch(() => undefined)
    await pause(Math.min((leaseSeconds * 1000) / 4, until - Date.now()), signal)
  }
}

/** What makes a running source begin anew: anything it was given. */
export function fingerprint(tenant: Tenant, source: Source, secrets: Readonly<Record<string, string>>): string {
  const own = Object.entries(secrets).filter(
    ([name]) => name === 'pii_key' || name.startsWith(`source.${source.name}.`),
  )
  const { timezone, currency, settings } = tenant
  const { pii_keys } = settings
  return JSON.stringify([timezone, currency, pii_keys, retentionMonths(tenant), settingsOf(tenant, source.name), own])
}
