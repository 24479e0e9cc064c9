import { createPostgresBackend, type PostgresConnectionOptions, Queue, QueueEvents, Worker } from 'bullmq'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Engine } from '../../../db/embedded/engine.ts'
import { connectClient, eventually, startTestEngine } from './support.ts'

let engine: Engine
const open: { close(): Promise<void> }[] = []

beforeAll(async () => {
  engine = await startTestEngine()
})

afterAll(async () => {
  for (const one of open.reverse()) await one.close()
})

function keep<T extends { close(): Promise<void> }>(one: T): T {
  open.push(one)
  return one
}

const connectionOptions = (): PostgresConnectionOptions =>
  ({ ...engine.connection, migrate: true }) as PostgresConnectionOptions
const options = () => ({ connection: connectionOptions() })
const createQueue = (name: string) => keep(new Queue(name, options(), createPostgresBackend))
const createEvents = (name: string) => keep(new QueueEvents(name, options(), createPostgresBackend))

test('BullMQ runs jobs, reports progress and events, and lists what is done', async () => {
  const queue = createQueue('jobs')
  await queue.waitUntilReady()
  const events = createEvents('jobs')
  await events.waitUntilReady()
  const completed = new Set<string>()
  const progress = new Map<string, unknown>()
  events.on('completed', ({ jobId }) => completed.add(jobId))
  events.on('progress', ({ jobId, data }) => progress.set(jobId, data))

  const worker = keep(
    new Worker(
      'jobs',
      async (job) => {
        await job.updateProgress(50)
        if (job.data.i === 13) throw new Error('unlucky')
        return job.data.i * 2
      },
      { ...options(), concurrency: 4 },
      createPostgresBackend,
    ),
  )
  worker.on('error', () => {})
  await queue.addBulk(Array.from({ length: 50 }, (_, i) => ({ name: 'double', data: { i } })))

  await eventually('all jobs are done', async () => {
    const counts = await queue.getJobCounts('completed', 'failed')
    return (counts.completed ?? 0) + (counts.failed ?? 0) === 50
  })
  await eventually('all were announced', () => completed.size === 49 && progress.size === 50)
  const results = await queue.getCompleted(0, 100)
  expect(results.map((job) => job.returnvalue).sort((a, b) => a - b)).toEqual(
    Array.from({ length: 50 }, (_, i) => i * 2).filter((v) => v !== 26),
  )
  const [failed] = await queue.getFailed()
  expect(failed?.failedReason).toBe('unlucky')
})

test('a waiting worker is woken by a new job, without polling', async () => {
  const queue = createQueue('wake')
  const done: number[] = []
  const worker = keep(
    new Worker('wake', async () => done.push(Date.now()), { ...options(), drainDelay: 60 }, createPostgresBackend),
  )
  await worker.waitUntilReady()
  await queue.add('first', {})
  await eventually('the first ran', () => done.length === 1)
  const added = Date.now()
  await queue.add('second', {})
  await eventually('the second ran', () => done.length === 2)
  expect((done[1] ?? 0) - added).toBeLessThan(10_000)
})

test('a job scheduler repeats its job', async () => {
  const queue = createQueue('schedule')
  const ran: string[] = []
  keep(new Worker('schedule', async (job) => ran.push(job.name), options(), createPostgresBackend))
  await queue.upsertJobScheduler('every', { every: 300 }, { name: 'tick', data: {} })
  await eventually('it ran three times', () => ran.length >= 3)
  await queue.removeJobScheduler('every')
  expect(new Set(ran)).toEqual(new Set(['tick']))
  expect(await queue.getJobSchedulersCount()).toBe(0)
})

test('the queues live in a schema of their own and other clients are not affected', async () => {
  const client = await connectClient(engine)
  const { rows } = await client.query(
    `select current_setting('search_path') as path, count(*)::int > 3 as found from pg_tables where schemaname = 'bullmq'`,
  )
  expect(rows).toEqual([{ path: '"$user", public', found: true }])
})
