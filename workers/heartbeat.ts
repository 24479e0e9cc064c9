import { utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type pg from 'pg'
import { type Queues, queueNames } from './queues.ts'

/** Touched while the worker can work: a container's health check looks at its age, since a worker has no port. */
export const heartbeatFile = join(tmpdir(), 'upcoach-worker-heartbeat')
const INTERVAL_MS = 10_000

/**
 * Touches the file as long as this process's event loop turns and the database and every queue answer it; resolves once
 * `signal` is aborted. Whether the work keeps up is another question: /health/ready of the API.
 */
export async function beat(
  pool: pg.Pool,
  queues: Queues,
  signal: AbortSignal,
  { file = heartbeatFile, intervalMs = INTERVAL_MS } = {},
): Promise<void> {
  while (!signal.aborted) {
    try {
      await Promise.all([pool.query('select 1'), ...queueNames.map((name) => queues.get(name).getJobCounts('active'))])
      await writeFile(file, '')
      const now = new Date()
      await utimes(file, now, now)
    } catch {
      // The file grows old, which is the message; what is wrong is in the log of those who met it.
    }
    await wait(intervalMs, undefined, { signal }).catch(() => undefined)
  }
}
