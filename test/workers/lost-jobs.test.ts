import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { resumeSearches } from '../../db/jobs.ts'
import { createTenant } from '../../db/tenant.ts'
import { giveBackLostJobs } from '../../workers/lost-jobs.ts'
import { openQueues, type Queues, queueNames } from '../../workers/queues.ts'
import { applySchedules, restoreSchedules, schedules } from '../../workers/schedules.ts'
import { startWorkers, type Workers } from '../../workers/start.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { testObjects } from '../support/objects.ts'

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }
const HOUR_MS = 3_600_000

let database: TestDatabase
let queues: Queues
beforeAll(async () => {
  database = await openTestDatabase()
  queues = await openQueues({}, database, () => undefined)
  await createTenant(database.pool, { slug: 'acme', timezone: 'UTC', currency: 'USD' })
})
afterAll(async () => {
  await queues.close()
  await database.close()
})

/** A job that the database gave to a worker whose connection ended before the answer came. */
async function loseClaim(lockMs: number): Promise<void> {
  await queues.add('reconcile', { days: 1 }, { delayMs: HOUR_MS })
  const { rowCount } = await database.pool.query(
    `update bullmq.job set state = 'active', lock_token = 'lost:1', attempts_started = 1, processed_at_ms = $1::bigint,
       locked_until_ms = $1::bigint + $2::bigint
     where queue = 'maintenance' and name = 'reconcile' and state = 'delayed' and scheduler_id is null`,
    [Date.now(), lockMs],
  )
  expect(rowCount).toBe(1)
}

const active = async () => (await queues.get('maintenance').getActive()).map(({ id }) => id)
const waiting = async () => (await queues.get('maintenance').getWaiting()).map(({ id }) => id)

test('a job is given back when two looks find that nobody runs it, and left alone while somebody does', async () => {
  await loseClaim(HOUR_MS)
  const [id] = await active()
  let isOurs = true
  let looks = 0
  const lost = giveBackLostJobs(
    queues,
    () => {
      looks += 1
      return isOurs
    },
    { everyMs: 20, onError: () => undefined },
  )
  await eventually(async () => expect(looks).toBeGreaterThan(3))
  expect(await active()).toEqual([id])
  isOurs = false
  await eventually(async () => expect(await waiting()).toEqual([id]))
  lost.stop()
  await queues.get('maintenance').drain(true)
})

test('a job whose claim was lost runs within a minute', { timeout: 90_000 }, async () => {
  let workers: Workers | undefined
  try {
    workers = await startWorkers({
      config: {},
      database,
      objects: testObjects(database),
      logger: silent,
      secrets: { masterKey: Buffer.alloc(32, 7) },
      queues,
    })
    await eventually(async () => expect(await active()).toEqual([]), 20_000)
    await loseClaim(20_000)
    const lost = await active()
    expect(lost).not.toEqual([])
    await eventually(async () => {
      const still = await active()
      expect(lost.filter((id) => still.includes(id))).toEqual([])
    }, 60_000)
  } finally {
    await workers?.close()
  }
})

const searchPlanned = (queue: string, at: number) =>
  database.pool.query(
    `insert into bullmq.meta (queue, field, value) values ($1, 'stalled-check', $2::text)
     on conflict (queue, field) do update set value = excluded.value`,
    [queue, at],
  )

/** Queues whose search for lost jobs is planned for a minute from now or later. */
const searchedLate = async (): Promise<string[]> => {
  const { rows } = await database.pool.query<{ queue: string }>(
    `select queue from bullmq.meta where field = 'stalled-check' and value::bigint > $1::bigint`,
    [Date.now() + 60_000],
  )
  return rows.map(({ queue }) => queue)
}

test('a job whose end could not be recorded runs again within a minute, also after the clock went back', {
  timeout: 180_000,
}, async () => {
  await searchPlanned('maintenance', Date.now() + HOUR_MS)
  // As on a full disk: the job is claimed and done, but neither its success nor its failure can be written.
  await database.pool.query(`
    create function public.refuse() returns trigger language plpgsql as $$ begin raise exception 'no space left' using errcode = '53100'; end $$;
    create trigger refuse before update or delete on bullmq.job for each row
      when (old.state = 'active' and old.name = 'vacuum') execute function public.refuse();`)
  let refused = 0
  const workers = await startWorkers({
    config: {},
    database,
    objects: testObjects(database),
    logger: {
      ...silent,
      warn: (_, message) => {
        if (message === 'the queue reports an error') refused += 1
      },
    },
    secrets: { masterKey: Buffer.alloc(32, 7) },
    queues,
  })
  await queues.add('vacuum', {})
  const vacuums = async () =>
    (await queues.get('maintenance').getActive()).filter(({ name }) => name === 'vacuum').length
  try {
    await eventually(async () => expect(refused).toBeGreaterThan(0), 30_000)
    expect(await vacuums()).toBe(1)
    await database.pool.query('drop trigger refuse on bullmq.job; drop function public.refuse')
    await eventually(async () => expect(await vacuums()).toBe(0), 60_000)
    await eventually(async () => expect(await searchedLate()).toEqual([]), 90_000)
  } finally {
    await workers.close()
  }
})

test('after the clock went back, the search for lost jobs does not wait until it is that late again', async () => {
  const now = Date.now()
  await searchPlanned('ledgers', now + HOUR_MS)
  await searchPlanned('exports', now + 5_000)
  await resumeSearches(database.pool, now)
  const { rows } = await database.pool.query(
    `select queue from bullmq.meta where field = 'stalled-check' and queue in ('ledgers', 'exports')`,
  )
  expect(rows).toEqual([{ queue: 'exports' }])
})

test('after the clock went back, what waits for the time it had been does not wait any longer', async () => {
  const ahead = vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 3 * HOUR_MS)
  try {
    await applySchedules(queues)
    await queues.add('refresh-aggregates', {}, { delayMs: 1_000 })
  } finally {
    ahead.mockRestore()
  }
  const aggregates = queues.get('aggregates')
  const oneOff = async () => (await aggregates.getWaiting()).filter(({ repeatJobKey }) => repeatJobKey === undefined)
  expect(await oneOff()).toEqual([])
  await restoreSchedules(queues)
  expect(await oneOff()).toHaveLength(1)
  for (const name of queueNames)
    for (const { key, next } of await queues.get(name).getJobSchedulers()) {
      const every = schedules.find(({ job }) => job === key)?.everyMs ?? 0
      expect(next, key).toBeLessThanOrEqual(Date.now() + every + 5_000)
    }
})
