import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Database } from '../../db/database.ts'
import { type MasterKey, piiKey } from '../../db/secrets.ts'
import { forgetLeases, tenantsWithSources } from '../../db/sources/runners.ts'
import type { Logger } from '../context.ts'
import { pause } from './pause.ts'
import { fingerprint, keepRunning } from './runner.ts'
import type { Source } from './source.ts'

export interface SourcesOptions {
  readonly database: Pick<Database, 'kind' | 'pool'>
  readonly masterKey: MasterKey
  readonly logger: Logger
  /** Called after a batch brought something new: ask for a fold. */
  readonly accepted: () => void
  readonly sources: readonly Source[]
  /** How often settings are looked at. */
  readonly scanMs?: number
  readonly leaseSeconds?: number
  readonly backoffMs?: number
}

export interface RunningSources {
  /** Ends every run at its next safe point and gives the leases back. */
  close(): Promise<void>
}

const SCAN_MS = 5000
const LEASE_SECONDS = 20
const BACKOFF_MS = 1000
/** A run that does not come to an end is left behind: its lease expires, its position is the last committed one. */
const CLOSE_GRACE_MS = 15_000

interface Running {
  readonly fingerprint: string
  readonly stop: AbortController
  readonly ended: Promise<void>
}

/**
 * Keeps running what tenants have switched on: starts, stops and restarts sources as settings change, without a restart
 * of the worker. Any number of workers may do so; a lease lets only one of them run a given source at a time.
 */
export async function startSources(options: SourcesOptions): Promise<RunningSources> {
  const { database, logger, sources } = options
  const { pool } = database
  const runner = {
    pool,
    masterKey: options.masterKey,
    logger,
    holder: `${hostname()}/${process.pid}/${randomUUID().slice(0, 8)}`,
    accepted: options.accepted,
    leaseSeconds: options.leaseSeconds ?? LEASE_SECONDS,
    backoffMs: options.backoffMs ?? BACKOFF_MS,
  }
  const running = new Map<string, Running>()
  const closing = new AbortController()
  if (database.kind === 'embedded') await forgetLeases(pool)

  const stop = async (key: string) => {
    const found = running.get(key)
    if (!found) return
    found.stop.abort()
    await found.ended
    running.delete(key)
  }

  /** With their PII keys made: a key that appears later would look like a change. */
  const tenantsReady = async () => {
    const found = await tenantsWithSources(pool)
    const without = found.filter(({ secrets }) => secrets.pii_key === undefined)
    for (const { tenant } of without) await piiKey(pool, options.masterKey, tenant.id)
    return without.length === 0 ? found : tenantsWithSources(pool)
  }

  const scan = async () => {
    const wanted = new Set<string>()
    for (const { tenant, secrets } of await tenantsReady()) {
      for (const source of sources) {
        if (tenant.settings[`source.${source.name}.enabled`] !== true) continue
        const key = `${tenant.id}/${source.name}`
        wanted.add(key)
        const print = fingerprint(tenant, source, secrets)
        if (running.get(key)?.fingerprint === print || closing.signal.aborted) continue
        await stop(key)
        const control = new AbortController()
        logger.info({ tenant: tenant.slug, source: source.name }, 'a source is switched on')
        const ended = keepRunning(source, tenant, control.signal, runner).catch((err: Error) =>
          logger.error({ tenant: tenant.slug, source: source.name, err }, 'a source ended by itself'),
        )
        running.set(key, { fingerprint: print, stop: control, ended })
      }
    }
    for (const key of [...running.keys()]) if (!wanted.has(key)) await stop(key)
  }

  const scanning = (async () => {
    while (!closing.signal.aborted) {
      await scan().catch((err: Error) => logger.warn({ err }, 'settings of sources could not be read'))
      await pause(options.scanMs ?? SCAN_MS, closing.signal)
    }
  })()

  return {
    async close() {
      closing.abort()
      await scanning
      const ended = Promise.all([...running.keys()].map(stop))
      await Promise.race([ended, pause(CLOSE_GRACE_MS, new AbortController().signal)])
    },
  }
}
