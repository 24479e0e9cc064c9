import { type JobName, jobOptions, jobs, type Payload, type Queues, queueNames } from './queues.ts'

interface Schedule<Name extends JobName> {
  readonly job: Name
  readonly everyMs: number
  readonly payload: Payload<Name>
}

const schedule = <Name extends JobName>(job: Name, everyMs: number, payload: Payload<Name>): Schedule<Name> => ({
  job,
  everyMs,
  payload,
})

const SECOND = 1000
const HOUR = 3600 * SECOND

/** All recurring work. */
export const schedules: readonly Schedule<JobName>[] = [
  // Ingest asks for a fold and a fold for a refresh; these catch a request that was lost with its process.
  schedule('fold-ledgers', 10 * SECOND, {}),
  // Also moves the aggregates on when an hour or a day has ended without any event.
  schedule('refresh-aggregates', 30 * SECOND, {}),
  // Tenants' days end at every quarter of an hour of the world's zones.
  schedule('close-days', 300 * SECOND, {}),
  // Scores each tenant once its local day is over and counted.
  schedule('score-churn', 60 * SECOND, {}),
  // Each rule has an interval of its own.
  schedule('evaluate-alerts', 60 * SECOND, {}),
  schedule('deliver-alerts', 30 * SECOND, {}),
  schedule('run-policies', 30 * SECOND, {}),
  // The request asks for it at once; this catches one that was lost with its process.
  schedule('erase-members', 300 * SECOND, {}),
  // A day lands once it is over; what came late lands again. Runs with nothing to do are cheap.
  schedule('land-tenants', 6 * HOUR, {}),
  // Exports that lost their worker, or whose request was lost.
  schedule('run-exports', 10 * SECOND, {}),
  schedule('expire-exports', HOUR, {}),
  schedule('vacuum', HOUR, {}),
  schedule('reconcile', 6 * HOUR, { days: 5 }),
]

/** Brings the queues' schedulers in line with the list; schedulers of jobs that are gone are removed. */
export async function applySchedules(queues: Queues): Promise<void> {
  for (const schedule of schedules) await register(queues, schedule)
  for (const name of queueNames) {
    const queue = queues.get(name)
    for (const { key } of await queue.getJobSchedulers()) {
      if (!schedules.some(({ job }) => job === key && jobs[job].queue === name)) await queue.removeJobScheduler(key)
    }
  }
}

/** A clock that is put right by less than this is none that went back. */
const CLOCK_SLACK_MS = 5 * SECOND

/**
 * Registers what is missing, since a Redis may come back from a crash empty, and what waits for a time that the clock has
 * gone back from: recurring work would stand still until then, and so would whatever waits behind a job of the same kind.
 */
export async function restoreSchedules(queues: Queues, now: number = Date.now()): Promise<void> {
  for (const name of queueNames) {
    const queue = queues.get(name)
    const known = new Map((await queue.getJobSchedulers()).map(({ key, next }) => [key, next ?? now]))
    for (const schedule of schedules) {
      if (jobs[schedule.job].queue !== name) continue
      const next = known.get(schedule.job)
      if (next !== undefined && next <= now + schedule.everyMs + CLOCK_SLACK_MS) continue
      if (next !== undefined) await queue.removeJobScheduler(schedule.job)
      await register(queues, schedule)
    }
    for (const job of await queue.getDelayed())
      if (job.repeatJobKey === undefined && job.timestamp > now + CLOCK_SLACK_MS) await job.promote()
  }
}

async function register(queues: Queues, { job, everyMs, payload }: Schedule<JobName>): Promise<void> {
  // A scheduled run is told apart from the requested one: without deduplication, or the one would swallow the other.
  const { deduplication: _, ...options } = { deduplication: undefined, ...jobOptions(job) }
  await queues
    .get(jobs[job].queue)
    .upsertJobScheduler(job, { every: everyMs }, { name: job, data: payload, opts: options })
}
