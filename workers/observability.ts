import type { Database } from '../db/database.ts'
import { type Backlog, type JobOutcome, jobOutcomes, listPolicies, type Policy, readBacklog } from '../db/jobs.ts'
import { pendingMigrations } from '../db/migrate.ts'
import { type Gauge, sharedRead } from './gauge.ts'
import { type Queues, queueNames } from './queues.ts'
import { isLate } from './run-policies.ts'
import { sourceCollectors } from './sources/collectors.ts'

/** Events that wait for longer than this to be counted mean that nobody works. */
const LEDGER_LAG_LIMIT_SECONDS = 15 * 60
/** A job that failed this often in a row is broken; once or twice is what retries are for. */
const FAILURES_IN_A_ROW = 3
export interface Check {
  readonly name: string
  check(): Promise<{ readonly ok: boolean; readonly detail?: string }>
}

type Observed = Pick<Database, 'kind' | 'pool'>

/** What must be in order behind the API: migrations, the queue, the jobs, TimescaleDB's policies. Details are public. */
export function readinessChecks(database: Observed, queues: Queues): Check[] {
  const { pool } = database
  return [
    {
      name: 'migrations',
      async check() {
        const pending = (await pendingMigrations(pool)).length
        return pending === 0 ? { ok: true } : { ok: false, detail: `${pending} not applied: npm run migrate` }
      },
    },
    {
      name: 'queue',
      async check() {
        const [{ lag_seconds, parked }] = await Promise.all([
          readBacklog(pool),
          ...queueNames.map((name) => queues.get(name).getJobCounts('waiting')),
        ])
        // Everybody else is served: one member at fault is told, and is no reason to take the process out.
        const aside = parked === 0 ? {} : { detail: `${parked} parked: npm run parked -- list` }
        if (lag_seconds <= LEDGER_LAG_LIMIT_SECONDS) return { ok: true, ...aside }
        return { ok: false, detail: `events wait since ${Math.round(lag_seconds)} s: is a worker running?` }
      },
    },
    {
      name: 'jobs',
      async check() {
        const broken = (await jobOutcomes(pool)).filter((job) => job.consecutive_failures >= FAILURES_IN_A_ROW)
        if (broken.length === 0) return { ok: true }
        return { ok: false, detail: `failing: ${broken.map(({ name }) => name).join(', ')}` }
      },
    },
    {
      name: 'policies',
      async check() {
        const late = (await listPolicies(database)).filter(isLate)
        if (late.length === 0) return { ok: true }
        return { ok: false, detail: `late: ${late.map(({ name }) => name).join(', ')}` }
      },
    },
  ]
}

/** Gauges of the workers' state. Read from the database, so that every API process shows what any worker did. */
export function workerCollectors(database: Observed, queues: Queues): Gauge[] {
  const readOutcomes = sharedRead(() => jobOutcomes(database.pool))
  const readPolicies = sharedRead(() => listPolicies(database))
  const readWaiting = sharedRead(() => readBacklog(database.pool))
  const outcomes = (name: string, help: string, value: (job: JobOutcome) => number) => ({
    name,
    help,
    labels: ['job'],
    collect: async () => (await readOutcomes()).map((job) => ({ value: value(job), labels: { job: job.name } })),
  })
  const policies = (name: string, help: string, value: (policy: Policy) => number) => ({
    name,
    help,
    labels: ['policy'],
    collect: async () =>
      (await readPolicies()).map((policy) => ({
        value: value(policy),
        labels: { policy: `${policy.id} ${policy.name}` },
      })),
  })
  const backlog = (name: string, help: string, value: (found: Backlog) => number) => ({
    name,
    help,
    collect: async () => [{ value: value(await readWaiting()) }],
  })
  return [
    outcomes('upcoach_job_failures_total', 'Failed runs of a job, retries included.', (job) => job.failures),
    outcomes('upcoach_job_successes_total', 'Successful runs of a job.', (job) => job.successes),
    outcomes('upcoach_job_failures_in_a_row', 'Failed runs since the last success.', (job) => job.consecutive_failures),
    outcomes(
      'upcoach_job_last_success_timestamp_seconds',
      'When the job last succeeded.',
      (job) => Date.parse(job.last_success_at ?? '1970-01-01T00:00:00Z') / 1000,
    ),
    policies('upcoach_policy_failures_total', 'Failed runs of a TimescaleDB policy.', (policy) => policy.failures),
    policies('upcoach_policy_lag_seconds', 'How late a TimescaleDB policy is.', (policy) => policy.lag_seconds),
    backlog('upcoach_ledger_backlog_marks', 'Marks of members whose ledgers wait to be folded.', (b) => b.dirty_marks),
    backlog('upcoach_ledger_lag_seconds', 'Age of the oldest such mark.', (b) => b.lag_seconds),
    backlog(
      'upcoach_aggregate_backlog_ranges',
      'Touched ranges that wait for a refresh or for their bucket to close.',
      (b) => b.touched_ranges,
    ),
    backlog(
      'upcoach_parked_marks',
      'Members and provider events set aside because their fold failed: npm run parked.',
      (b) => b.parked,
    ),
    ...sourceCollectors(database.pool),
    {
      name: 'upcoach_queue_jobs',
      help: 'Jobs of a queue by state.',
      labels: ['queue', 'state'],
      collect: async () => {
        const counts = await Promise.all(
          queueNames.map(async (queue) => ({
            queue,
            counts: await queues.get(queue).getJobCounts('waiting', 'active', 'delayed', 'failed'),
          })),
        )
        return counts.flatMap(({ queue, counts }) =>
          Object.entries(counts).map(([state, value]) => ({ value, labels: { queue, state } })),
        )
      },
    },
  ]
}
