import type pg from 'pg'
import { recordFailure, recordSuccess } from '../db/jobs.ts'
import { withoutValues } from '../db/parked.ts'

/** Successes are written together: some jobs run several times a second. */
const FLUSH_MS = 5000

interface Pending {
  successes: number
  errors: string[]
}

export interface Outcomes {
  succeeded(job: string): void
  failed(job: string, error: Error): void
  /** Writes what is left and stops. */
  close(): Promise<void>
}

/**
 * Keeps the table of job outcomes, from which every process reads its metrics and readiness. While the database is away,
 * which is when most jobs fail, outcomes wait in memory.
 */
export function outcomes(pool: pg.Pool): Outcomes {
  const pending = new Map<string, Pending>()
  let flushing = Promise.resolve()

  const write = async () => {
    for (const [job, { successes, errors }] of [...pending]) {
      pending.delete(job)
      const left = { successes, errors: [...errors] }
      try {
        for (const error of errors) {
          await recordFailure(pool, job, error)
          left.errors.shift()
        }
        if (successes > 0) await recordSuccess(pool, job, successes)
      } catch {
        const since = entry(job)
        since.successes += left.successes
        since.errors.unshift(...left.errors)
      }
    }
  }
  const flush = () => {
    flushing = flushing.then(write)
    return flushing
  }
  const entry = (job: string): Pending => {
    const known = pending.get(job)
    if (known) return known
    const created = { successes: 0, errors: [] }
    pending.set(job, created)
    return created
  }
  const timer = setInterval(flush, FLUSH_MS).unref()

  return {
    succeeded(job) {
      entry(job).successes += 1
    },
    failed(job, error) {
      entry(job).errors.push(withoutValues(error))
      void flush()
    },
    async close() {
      clearInterval(timer)
      await flush()
    },
  }
}
