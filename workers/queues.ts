import { type IQueueBackend, Queue } from 'bullmq'
import { z } from 'zod'
import type { Config } from '../config.ts'
import type { Database } from '../db/database.ts'
import { type QueueBackend, queueBackend } from './backend.ts'

/**
 * Every queue. Jobs of one queue run one after the other in a worker process; a queue of its own is for work that must
 * not wait for the others.
 */
export const queueNames = ['ledgers', 'aggregates', 'maintenance', 'alerts', 'landing', 'exports'] as const
export type QueueName = (typeof queueNames)[number]

interface JobContract<Payload extends z.ZodType> {
  readonly queue: QueueName
  readonly payload: Payload
  /** Tries before the job counts as failed for good; pauses double, starting with `backoffMs`. */
  readonly attempts: number
  readonly backoffMs: number
  /** At most one such job waits beside the one that runs: what it does is written in the database, not in the job. */
  readonly single?: true
}

const contract = <Payload extends z.ZodType>(job: JobContract<Payload>): JobContract<Payload> => job
const nothing = z.strictObject({})

/** Every kind of job: its queue and what it is told. One processor file per entry (workers/processors.ts). */
export const jobs = {
  'fold-ledgers': contract({ queue: 'ledgers', payload: nothing, attempts: 4, backoffMs: 500, single: true }),
  'refresh-aggregates': contract({ queue: 'aggregates', payload: nothing, attempts: 4, backoffMs: 1000, single: true }),
  'close-days': contract({ queue: 'maintenance', payload: nothing, attempts: 2, backoffMs: 5000, single: true }),
  'run-policies': contract({ queue: 'maintenance', payload: nothing, attempts: 1, backoffMs: 1000, single: true }),
  'score-churn': contract({ queue: 'maintenance', payload: nothing, attempts: 2, backoffMs: 30_000, single: true }),
  'evaluate-alerts': contract({ queue: 'alerts', payload: nothing, attempts: 1, backoffMs: 1000, single: true }),
  'deliver-alerts': contract({ queue: 'alerts', payload: nothing, attempts: 2, backoffMs: 5000, single: true }),
  vacuum: contract({ queue: 'maintenance', payload: nothing, attempts: 1, backoffMs: 1000, single: true }),
  // Whom, the database says: a member's id is in no job.
  'erase-members': contract({ queue: 'landing', payload: nothing, attempts: 5, backoffMs: 2000, single: true }),
  // In one queue with erasures: they write the same files.
  'land-tenants': contract({ queue: 'landing', payload: nothing, attempts: 3, backoffMs: 60_000, single: true }),
  // One attempt each: an export that failed or lost its worker stands in report_jobs, where the next run finds it.
  'run-exports': contract({ queue: 'exports', payload: nothing, attempts: 1, backoffMs: 1000, single: true }),
  'expire-exports': contract({ queue: 'maintenance', payload: nothing, attempts: 3, backoffMs: 5000, single: true }),
  reconcile: contract({
    queue: 'maintenance',
    payload: z.strictObject({ days: z.int().min(1).max(60) }),
    attempts: 2,
    backoffMs: 60_000,
  }),
} as const

export type JobName = keyof typeof jobs
export type Payload<Name extends JobName> = z.infer<(typeof jobs)[Name]['payload']>

export type JobQueue = Queue<unknown, unknown, string, unknown, unknown, string, IQueueBackend, unknown>

export interface Queues {
  /** Adds a job; throws when the payload breaks its contract. `delayMs`: earliest start. */
  add<Name extends JobName>(name: Name, payload: Payload<Name>, options?: { delayMs?: number }): Promise<void>
  /** Asks for a fold of what ingest has marked, within about a tenth of a second. Cheap: call it after every batch. */
  requestFold(): void
  /** Asks for the exports that wait to be run. One that is lost with its process is made up for by the schedule. */
  requestExports(): void
  get(queue: QueueName): JobQueue
  close(): Promise<void>
}

/** Requests within this time share one job. */
const FOLD_DEBOUNCE_MS = 120
/** Kept for nobody but a person looking: BullMQ's event stream and the last failed jobs. */
const EVENTS_KEPT = 200
const FAILED_KEPT = { age: 14 * 24 * 3600, count: 200 }

/** Options that a contract gives to each of its jobs, however it is added. */
export function jobOptions(name: JobName) {
  const { attempts, backoffMs, ...job } = jobs[name] as JobContract<z.ZodType>
  return {
    attempts,
    backoff: { type: 'exponential', delay: backoffMs },
    removeOnComplete: true,
    removeOnFail: FAILED_KEPT,
    ...(job.single ? { deduplication: { id: name, keepLastIfActive: true } } : {}),
  }
}

/**
 * Opens every queue for adding jobs. Resolves when the queue database answers and its schema is there; afterwards a lost
 * connection makes `add` reject and is found again by itself.
 */
export async function openQueues(
  config: Pick<Config, 'REDIS_URL'>,
  database: Pick<Database, 'connection'>,
  onError: (error: Error) => void,
): Promise<Queues> {
  const open = async (name: QueueName, backend: QueueBackend): Promise<JobQueue> => {
    const queue: JobQueue = new Queue(name, { connection: {}, streams: { events: { maxLen: EVENTS_KEPT } } }, backend)
    queue.on('error', onError)
    await queue.waitUntilReady()
    return queue
  }
  const [first, ...others] = queueNames
  const opened: JobQueue[] = []
  try {
    // One connection migrates; the others find the schema ready.
    opened.push(await open(first, queueBackend(config, database, { migrate: true })))
    const backend = queueBackend(config, database)
    opened.push(...(await Promise.all(others.map((name) => open(name, backend)))))
  } catch (error) {
    await Promise.allSettled(opened.map((queue) => queue.close()))
    throw error
  }
  const get = (name: QueueName): JobQueue => {
    const queue = opened.find((candidate) => candidate.name === name)
    if (!queue) throw new Error(`the queue ${name} is not open`)
    return queue
  }

  const fold = debounced(() => queues.add('fold-ledgers', {}).catch(onError), FOLD_DEBOUNCE_MS)
  const queues: Queues = {
    get,
    async add(name, payload, options = {}) {
      const { queue, payload: schema } = jobs[name]
      const delay = options.delayMs === undefined ? {} : { delay: options.delayMs }
      await get(queue).add(name, schema.parse(payload), { ...jobOptions(name), ...delay })
    },
    // A request that is lost with its process is made up for by the schedule.
    requestFold: fold.call,
    requestExports: () => void queues.add('run-exports', {}).catch(onError),
    async close() {
      fold.cancel()
      await Promise.all(opened.map((queue) => queue.close()))
    },
  }
  return queues
}

/**
 * The first call starts the clock; calls until it rings are covered by it. Rings one at a time: while a queue does not
 * answer, requests do not pile up behind it.
 */
function debounced(work: () => Promise<unknown>, delayMs: number): { call(): void; cancel(): void } {
  let timer: NodeJS.Timeout | undefined
  let isWorking = false
  let again = false
  const call = () => {
    if (isWorking) again = true
    if (timer || isWorking) return
    timer = setTimeout(async () => {
      timer = undefined
      isWorking = true
      again = false
      await work()
      isWorking = false
      if (again) call()
    }, delayMs)
    timer.unref()
  }
  return { call, cancel: () => clearTimeout(timer) }
}
