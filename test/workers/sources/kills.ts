import type { ChildProcess } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Tenant } from '../../../db/tenant.ts'
import type { TestDatabase } from '../../support/database.ts'
import { eventually } from '../../support/eventually.ts'
import { type CrashOrder, ended, ready, seeded, startWorkerProcess } from './support.ts'

/** Kills per source. A few by default, so that the suite stays quick; the long run is `SOURCE_KILLS=30 npx vitest run …`. */
export const KILLS = Number(process.env.SOURCE_KILLS ?? 6)
const SEED = Number(process.env.SOURCE_SEED ?? 20_261_123)
export const KILLS_TIMEOUT = 60_000 + KILLS * 45_000

export interface Killing {
  readonly database: TestDatabase
  readonly tenant: Tenant
  readonly source: string
  /** Writes some more to the source. */
  readonly produce: (pick: (below: number) => number) => Promise<void>
  /** Fails unless the events stored equal what was produced, no more and no less. */
  readonly inStep: () => Promise<void>
  /** Kills what the source reads from and starts it again with its data; undefined: it is not ours to kill. */
  readonly crashBroker?: (pick: (below: number) => number) => Promise<void>
}

/**
 * One run after the other: something is written, a process is killed at a seeded point, and then, before the next one, what
 * is stored must equal the source. Killed are the consumer (around a batch, or at any time), the broker and the engine.
 */
export async function surviveKills({ database, tenant, source, produce, inStep, crashBroker }: Killing): Promise<void> {
  const pick = seeded(SEED)
  // The second process stands by until the lease of the one that died has expired.
  const workers = new Set<ChildProcess>()
  const start = async () => {
    const worker = startWorkerProcess(database)
    workers.add(worker)
    await ready(worker)
  }
  const done: Record<string, number> = {}
  const holder = async (): Promise<ChildProcess> => {
    const { rows } = await database.pool.query<{ holder: string | null }>(
      'select holder from analytics.source_runners where tenant_id = $1 and source = $2 and lease_until > now()',
      [tenant.id, source],
    )
    const found = [...workers].find(({ pid }) => rows[0]?.holder?.split('/')[1] === String(pid))
    if (!found) throw new Error('no worker of this test runs the source')
    return found
  }
  const faults: Record<string, (worker: ChildProcess) => Promise<void>> = {
    async 'consumer at a batch'(worker) {
      const order: CrashOrder = { when: pick(2) === 0 ? 'before' : 'after', after: pick(4) }
      worker.send(order)
      await produce(pick)
      const late = setTimeout(() => worker.kill('SIGKILL'), 5000)
      await ended(worker)
      clearTimeout(late)
    },
    async 'consumer at any time'(worker) {
      const [, after] = [await produce(pick), pick(400)]
      await wait(after)
      worker.kill('SIGKILL')
      await ended(worker)
    },
    async engine() {
      const writing = produce(pick)
      await wait(pick(200))
      await crashEngine(database)
      await writing
    },
    ...(crashBroker && {
      async broker() {
        await produce(pick)
        await wait(pick(200))
        await crashBroker(pick)
        await produce(pick)
      },
    }),
  }
  const names = Object.keys(faults)
  try {
    await Promise.all([start(), start()])
    for (let run = 0; run < KILLS; run += 1) {
      const worker = await eventually(holder, 60_000)
      const name = names[(run + pick(2)) % names.length] ?? ''
      await faults[name]?.(worker)
      done[name] = (done[name] ?? 0) + 1
      if (worker.signalCode !== null) {
        expect(worker.signalCode).toBe('SIGKILL')
        workers.delete(worker)
        // A process that starts while there is no engine would open one of its own.
        await start()
      }
      await eventually(inStep, 60_000).catch((cause: unknown) => {
        throw new Error(`seed ${SEED}, run ${run + 1}, ${name}: what is stored differs from the source`, { cause })
      })
    }
    // Connections of this process that died with the engine are replaced before anybody meets one.
    const asked = () => Promise.all(Array.from({ length: 12 }, () => database.pool.query('select 1')))
    await eventually(asked, 60_000)
    // Nothing comes in twice when all is quiet.
    await wait(500)
    await eventually(inStep)
  } finally {
    for (const worker of workers) worker.kill('SIGKILL')
    await Promise.all([...workers].map(ended))
  }
  if (process.env.SOURCE_KILLS) console.info(`${source}: ${KILLS} kills, seed ${SEED}: ${JSON.stringify(done)}`)
}

/** The embedded engine: kill -9. A server is not ours to kill: every other connection to the database is cut. */
async function crashEngine(database: TestDatabase): Promise<void> {
  if (database.kind === 'embedded') {
    const { pid } = await eventually(
      async () => JSON.parse(await readFile(join(database.dataDir, 'engine.lock'), 'utf8')) as { pid: number },
    )
    process.kill(pid, 'SIGKILL')
    return
  }
  await database.pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'`,
  )
}
