import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { acceptEvents, type Intake } from '../../db/accept-events.ts'
import { jobOutcomes, readBacklog } from '../../db/jobs.ts'
import { createTenant, withTenant } from '../../db/tenant.ts'
import { openQueues, type Queues, queueNames } from '../../workers/queues.ts'
import { schedules } from '../../workers/schedules.ts'
import { startWorkers, type Workers } from '../../workers/start.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { testObjects } from '../support/objects.ts'
import { hasRedisServer, type RedisServer, startRedisServer } from './sources/support.ts'

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }

const backends = ['PostgreSQL', 'Redis'] as const

describe.each(backends)('workers on the %s queue (Redis: needs redis-server)', (backend) => {
  if (backend === 'Redis' && !hasRedisServer) {
    it.skip('no redis-server on this machine')
    return
  }
  let redis: RedisServer | undefined
  let database: TestDatabase
  let queues: Queues
  let workers: Workers
  let intake: Intake

  beforeAll(async () => {
    database = await openTestDatabase()
    redis = backend === 'Redis' ? await startRedisServer() : undefined
    const config = { REDIS_URL: redis?.url }
    queues = await openQueues(config, database, () => undefined)
    workers = await startWorkers({
      config,
      database,
      objects: testObjects(database),
      logger: silent,
      secrets: { masterKey: Buffer.alloc(32, 7) },
      queues,
    })
    const tenant = await createTenant(database.pool, { slug: 'acme', timezone: 'Europe/Berlin', currency: 'EUR' })
    intake = { tenant, piiKey: Buffer.alloc(32, 1) }
  })
  afterAll(async () => {
    await workers.close()
    await queues.close()
    await redis?.stop()
    await database.close()
  })

  const send = (id: string, at: Date) =>
    acceptEvents(database.pool, intake, {
      events: [
        {
          event_id: id,
          type: 'goal_created',
          occurred_at: at.toISOString(),
          user_id: 'm1',
          properties: { goal_id: id },
        },
      ],
    })
  const openGoals = () =>
    withTenant(database.pool, intake.tenant.id, async (client) => {
      const { rows } = await client.query<{ open: number }>(
        'select coalesce(sum(open_delta), 0)::integer as open from goals_daily',
      )
      return rows[0]?.open
    })

  it('an event posted now is in the daily aggregate after the request to fold, long before the schedule', async () => {
    await send('g1', new Date())
    queues.requestFold()
    await eventually(async () => expect(await openGoals()).toBe(1))
  })

  it('events requested for folding while a fold runs are not forgotten', async () => {
    for (let i = 0; i < 20; i += 1) {
      await send(`burst-${i}`, new Date(Date.now() - i * 1000))
      queues.requestFold()
    }
    await eventually(async () => expect(await openGoals()).toBe(21))
    expect((await readBacklog(database.pool)).dirty_marks).toBe(0)
  })

  it('an event of last month is in the aggregate after the refresh that its fold asks for', async () => {
    await send('late', new Date(Date.now() - 30 * 24 * 3600_000))
    queues.requestFold()
    await eventually(async () => expect(await openGoals()).toBe(22))
  })

  const registered = async () => {
    const all = await Promise.all(queueNames.map((queue) => queues.get(queue).getJobSchedulers()))
    return schedules.map(({ job }) =>
      all
        .flat()
        .filter(({ key }) => key === job)
        .map(({ every }) => Number(every)),
    )
  }
  const intervals = schedules.map(({ everyMs }) => [everyMs])

  it('every schedule is registered once, with its interval', async () => {
    expect(await registered()).toEqual(intervals)
  })

  it('successful runs are counted where every process can read them', async () => {
    await eventually(async () => {
      const fold = (await jobOutcomes(database.pool)).find(({ name }) => name === 'fold-ledgers')
      expect(fold?.successes).toBeGreaterThan(1)
      expect(fold?.failures).toBe(0)
    })
  })

  it.skipIf(backend !== 'Redis')('a Redis that comes back empty gets its schedules again', async () => {
    await redis?.client.flushall()
    await send('before-restore', new Date())
    await eventually(async () => expect(await registered()).toEqual(intervals), 60_000)
    // By the schedule alone: nobody asks.
    await eventually(async () => expect(await openGoals()).toBe(23), 60_000)
  })

  it('a payload that breaks its contract is refused when it is added', async () => {
    await expect(queues.add('reconcile', { days: 0 })).rejects.toThrow()
  })
})
