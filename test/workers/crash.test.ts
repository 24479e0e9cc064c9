import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { acceptEvents, type Intake } from '../../db/accept-events.ts'
import { readBacklog } from '../../db/jobs.ts'
import { createTenant } from '../../db/tenant.ts'
import { openQueues, type Queues } from '../../workers/queues.ts'
import { startWorkers, type Workers } from '../../workers/start.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { testObjects } from '../support/objects.ts'

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }

describe.skipIf(inject('template').kind === 'server')('workers when the embedded engine crashes', () => {
  let database: TestDatabase
  let queues: Queues
  let workers: Workers
  let intake: Intake

  beforeAll(async () => {
    database = await openTestDatabase()
    queues = await openQueues({}, database, () => undefined)
    workers = await startWorkers({
      config: {},
      database,
      objects: testObjects(database),
      logger: silent,
      secrets: { masterKey: Buffer.alloc(32, 7) },
      queues,
    })
    const tenant = await createTenant(database.pool, { slug: 'acme', timezone: 'UTC', currency: 'USD' })
    intake = { tenant, piiKey: Buffer.alloc(32, 1) }
  })
  afterAll(async () => {
    await workers.close()
    await queues.close()
    await database.close()
  })

  const send = (id: string) =>
    acceptEvents(database.pool, intake, {
      events: [
        {
          event_id: id,
          type: 'screen_viewed',
          occurred_at: new Date().toISOString(),
          user_id: id,
          properties: { screen: 'home' },
        },
      ],
    })

  it('they wait, connect again and count what came before and after', { timeout: 120_000 }, async () => {
    await send('before')
    queues.requestFold()
    const { pid } = JSON.parse(await readFile(join(database.dataDir, 'engine.lock'), 'utf8')) as { pid: number }
    process.kill(pid, 'SIGKILL')
    await eventually(async () => {
      await send('after')
    }, 60_000)
    queues.requestFold()
    await eventually(async () => {
      const { rows } = await database.pool.query<{ members: number }>(
        'select count(distinct user_id) as members from analytics.member_days',
      )
      expect(rows[0]?.members).toBe(2)
      expect((await readBacklog(database.pool)).dirty_marks).toBe(0)
    }, 60_000)
  })
})
