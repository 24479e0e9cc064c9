import type pg from 'pg'
import { deferred } from '../deferred.ts'
import { countPushed, type PushedBatch } from './runners.ts'

const FLUSH_AFTER_MS = 1_000

/**
 * Counts what a source hands over in many small batches: sums per tenant, written once a second, so that an event costs no
 * statement of its own. What could not be written is added to the next; a process that is killed loses its last second.
 */
export function pushedCounter(pool: pg.Pool, source: string, onError: (error: Error) => void) {
  let waiting = new Map<string, PushedBatch>()

  const sum = (one: PushedBatch | undefined, other: PushedBatch): PushedBatch => ({
    processed: (one?.processed ?? 0) + other.processed,
    accepted: (one?.accepted ?? 0) + other.accepted,
    duplicates: (one?.duplicates ?? 0) + other.duplicates,
    failed: (one?.failed ?? 0) + other.failed,
    // The lag is that of the last batch which had a time.
    newestAt: other.newestAt ?? one?.newestAt,
  })
  const flush = deferred(FLUSH_AFTER_MS, async () => {
    const batches = waiting
    waiting = new Map()
    for (const [tenantId, batch] of batches)
      try {
        await countPushed(pool, tenantId, source, batch)
      } catch (error) {
        const since = waiting.get(tenantId)
        waiting.set(tenantId, since ? sum(batch, since) : batch)
        onError(error as Error)
        flush.schedule()
      }
  })

  return {
    add(tenantId: string, batch: PushedBatch): void {
      waiting.set(tenantId, sum(waiting.get(tenantId), batch))
      flush.schedule()
    },
    /** Writes what waits. What cannot be written then is given up. */
    close: flush.close,
  }
}
