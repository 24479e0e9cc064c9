import { type IQueueBackend, type Job, type JobProgress, UnrecoverableError, Worker } from 'bullmq'
import type { Config } from '../config.ts'
import type { Database } from '../db/database.ts'
import { endLeases } from '../db/exports/jobs.ts'
import { prepareJobs, resumeSearches } from '../db/jobs.ts'
import type { MasterKey } from '../db/secrets.ts'
import type { ObjectStore } from '../objects/store.ts'
import { queueBackend } from './backend.ts'
import type { Logger, WorkerContext } from './context.ts'
import { giveBackAll, giveBackLostJobs, RunningJobs } from './lost-jobs.ts'
import { type Outcomes, outcomes } from './outcomes.ts'
import { processors } from './processors.ts'
import { type JobName, jobs, openQueues, type QueueName, type Queues, queueNames } from './queues.ts'
import { applySchedules, restoreSchedules } from './schedules.ts'

export interface WorkerOptions {
  readonly config: Pick<Config, 'REDIS_URL'> & Partial<Pick<Config, 'ALERT_WEBHOOK_HOSTS'>>
  readonly database: Database
  readonly objects: ObjectStore
  readonly logger: Logger
  readonly secrets: { readonly masterKey: MasterKey }
  /** The caller's own, when it has them; otherwise opened and closed here. */
  readonly queues?: Queues | undefined
}

export interface Workers {
  /** Asks for a fold soon; many calls make one job. */
  nudge(): void
  /** Finishes the jobs that run (long ones stop at their next safe point) and disconnects. */
  close(): Promise<void>
}

/**
 * How long a job waits for another worker when its own was lost. A job may block the embedded engine's one session, and with
 * it the renewal of its own lock, for about two minutes; there, lost jobs are found by other means (lost-jobs.ts).
 */
const locks = {
  alone: { lockDuration: 120_000, stalledInterval: 30_000 },
  shared: { lockDuration: 20_000, stalledInterval: 5_000 },
}
/** Pause before a queue that does not answer is asked again. */
const RETRY_MS = 500
const CLOSE_GRACE_MS = 20_000
const WEBHOOK_TIMEOUT_MS = 10_000
/** How long recurring work may stand still after a Redis came back without its data, or the clock went back. */
const RESTORE_MS = 10_000

/** Starts one worker per queue and the schedules. Throws when the queue database cannot be reached. */
export async function startWorkers(options: WorkerOptions): Promise<Workers> {
  const { config, database, logger } = options
  const warn = (err: Error) => logger.warn({ err }, 'the queue reports an error')
  await prepareJobs(database)
  const queues = options.queues ?? (await openQueues(config, database, warn))
  const recorded = outcomes(database.pool)
  let isClosing = false
  const context: WorkerContext = {
    database,
    queues,
    objects: options.objects,
    webhooks: { allowedHosts: config.ALERT_WEBHOOK_HOSTS ?? [], timeoutMs: WEBHOOK_TIMEOUT_MS },
    logger,
    masterKey: options.secrets.masterKey,
    isClosing: () => isClosing,
  }
  // The embedded engine serves one process tree: nobody else runs what stands in its queue.
  const isAlone = database.kind === 'embedded' && config.REDIS_URL === undefined
  if (isAlone) await giveBackAll(queues)
  if (database.kind === 'embedded') await endLeases(database.pool)
  await applySchedules(queues)
  const backend = queueBackend(config, database)
  const running = new RunningJobs()
  const workers = queueNames.map((name) =>
    startWorker(name, backend, {
      context,
      recorded,
      running,
      lock: isAlone ? locks.alone : locks.shared,
      onError: warn,
    }),
  )
  await Promise.all(workers.map((worker) => worker.waitUntilReady()))
  // Marks that an earlier process left behind do not wait for the schedule.
  queues.requestFold()
  const lost = isAlone ? giveBackLostJobs(queues, (queue, id) => running.has(queue, id), { onError: warn }) : undefined
  const restore = async () => {
    await restoreSchedules(queues)
    if (config.REDIS_URL === undefined) await resumeSearches(database.pool, Date.now())
  }
  const restoring = setInterval(() => restore().catch(warn), RESTORE_MS)

  return {
    nudge: queues.requestFold,
    async close() {
      isClosing = true
      clearInterval(restoring)
      lost?.stop()
      await Promise.all(workers.map(closeWorker))
      await recorded.close()
      if (!options.queues) await queues.close()
    },
  }
}

type AnyWorker = Worker<unknown, unknown, string, IQueueBackend, JobProgress, unknown>

interface WorkerParts {
  readonly context: WorkerContext
  readonly recorded: Outcomes
  /** Of every queue. */
  readonly running: RunningJobs
  readonly lock: { readonly lockDuration: number; readonly stalledInterval: number }
  readonly onError: (error: Error) => void
}

function startWorker(
  queue: QueueName,
  backend: ReturnType<typeof queueBackend>,
  { context, recorded, running, lock, onError }: WorkerParts,
): AnyWorker {
  const worker: AnyWorker = new Worker(
    queue,
    async (job: Job) => {
      running.begin(queue, job.id)
      try {
        return await process(job, context)
      } finally {
        running.end(queue, job.id)
      }
    },
    {
      connection: {},
      concurrency: 1,
      ...lock,
      // Every job may safely run again, so one that lost its process is never given up for that.
      maxStalledCount: 100,
      runRetryDelay: RETRY_MS,
    },
    backend,
  )
  worker.on('error', onError)
  worker.on('completed', (job) => {
    running.recorded(queue, job.id)
    recorded.succeeded(job.name)
  })
  worker.on('failed', (job, err) => {
    running.recorded(queue, job?.id)
    const name = job?.name ?? queue
    context.logger.error({ job: name, attempt: job?.attemptsMade, err }, 'a job failed')
    recorded.failed(name, err)
  })
  return worker
}

/** Parses the payload at the edge and hands the job to its processor. */
async function process(job: Job, context: WorkerContext): Promise<unknown> {
  if (!isJobName(job.name)) throw new UnrecoverableError(`there is no processor for ${job.name}`)
  return run(job.name, job.data, context)
}

const isJobName = (name: string): name is JobName => Object.hasOwn(jobs, name)

async function run<Name extends JobName>(name: Name, data: unknown, context: WorkerContext): Promise<unknown> {
  const payload = jobs[name].payload.safeParse(data)
  if (!payload.success) throw new UnrecoverableError(`the payload of ${name} is not valid`)
  return processors[name](payload.data as Parameters<(typeof processors)[Name]>[0], context)
}

async function closeWorker(worker: AnyWorker): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(resolve, CLOSE_GRACE_MS, 'late')
  })
  const closed = await Promise.race([worker.close(), late])
  clearTimeout(timer)
  // A job that does not come to an end is left to be taken up again by the next process.
  if (closed === 'late') await worker.disconnect()
}
