import {
  type ClaimedExport,
  claimExport,
  completeExport,
  failExport,
  releaseExport,
  renewExport,
} from '../db/exports/jobs.ts'
import type { WorkerContext } from './context.ts'
import { performExport } from './exports/perform.ts'

/** How soon a cancelled export stops, and how often a run shows that it lives. */
const HEARTBEAT_MS = 1_000
const RETRY_DELAY_MS = 6_000

class Stopped extends Error {
  readonly why: 'unwanted' | 'closing'
  constructor(why: 'unwanted' | 'closing') {
    super(`the export was stopped: ${why}`)
    this.why = why
  }
}

/** Runs the exports that wait, one after the other, until none is left. */
export async function runExports(_payload: unknown, context: WorkerContext): Promise<{ exports: number }> {
  let count = 0
  while (!context.isClosing()) {
    const job = await claimExport(context.database.pool)
    if (!job) break
    await runExport(job, context)
    count += 1
  }
  return { exports: count }
}

async function runExport(job: ClaimedExport, context: WorkerContext): Promise<void> {
  const { database, objects, logger } = context
  const { pool } = database
  const began = performance.now()
  const about = { export: job.id, type: job.payload.type, format: job.format, attempt: job.attempts }
  const stop = new AbortController()
  const heart = heartbeat(job, context, stop)
  try {
    const outcome = await performExport(job, { database, objects, signal: stop.signal, onProgress: heart.progress })
    await heart.end()
    if (await completeExport(pool, job, outcome)) {
      logger.info(
        { ...about, rows: outcome.rows, bytes: outcome.bytes, ms: Math.round(performance.now() - began) },
        'an export is ready',
      )
    } else {
      await objects.delete(outcome.key)
      logger.info(about, 'an export was cancelled while it was being stored')
    }
  } catch (error) {
    await heart.end()
    const reason = stop.signal.aborted ? stop.signal.reason : error
    if (reason instanceof Stopped) {
      if (reason.why === 'closing') await releaseExport(pool, job)
      logger.info({ ...about, why: reason.why }, 'an export was stopped')
      return
    }
    const next = await failExport(pool, job, false)
    logger.error({ ...about, err: error, next }, 'an export failed')
    if (next === 'queued') await context.queues.add('run-exports', {}, { delayMs: RETRY_DELAY_MS })
  }
}

/** Renews the lease, writes the progress, and stops the work when nobody wants it any more or the process closes. */
function heartbeat(job: ClaimedExport, context: WorkerContext, stop: AbortController) {
  let percent = 0
  let beating: Promise<void> | undefined
  const beat = async () => {
    if (context.isClosing()) return stop.abort(new Stopped('closing'))
    try {
      if (!(await renewExport(context.database.pool, job, percent))) stop.abort(new Stopped('unwanted'))
    } catch (err) {
      // The lease is longer than the database may be away; if not, another worker takes over and this one is told.
      context.logger.warn({ export: job.id, err }, 'the progress of an export could not be written')
    }
  }
  const timer = setInterval(() => {
    beating ??= beat().finally(() => {
      beating = undefined
    })
  }, HEARTBEAT_MS)
  return {
    progress(value: number) {
      percent = value
    },
    async end() {
      clearInterval(timer)
      await beating
    },
  }
}
