import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { acceptEvents } from '../../db/accept-events.ts'
import { refreshTouched } from '../../db/aggregates.ts'
import { jobOutcomes, listPolicies, prepareJobs, recordFailure, recordSuccess, runPolicy } from '../../db/jobs.ts'
import { createTenant } from '../../db/tenant.ts'
import type { WorkerContext } from '../../workers/context.ts'
import { readinessChecks } from '../../workers/observability.ts'
import { openQueues, type Queues } from '../../workers/queues.ts'
import { reconcile, sampleDays } from '../../workers/reconcile.ts'
import { runPolicies } from '../../workers/run-policies.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'
import { testObjects } from '../support/objects.ts'

const DAY = 24 * 3_600_000
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }

describe('policies and reconciliation', () => {
  let database: TestDatabase
  let queues: Queues
  let context: WorkerContext

  beforeAll(async () => {
    database = await openTestDatabase()
    await prepareJobs(database)
    queues = await openQueues({}, database, () => undefined)
    context = {
      database,
      queues,
      objects: testObjects(database),
      logger: silent,
      masterKey: Buffer.alloc(32, 7),
      webhooks: { allowedHosts: [], timeoutMs: 1000 },
      isClosing: () => false,
    }
    const tenant = await createTenant(database.pool, { slug: 'acme', timezone: 'Asia/Kolkata', currency: 'INR' })
    const events = Array.from({ length: 200 }, (_, i) => ({
      event_id: `p-${i}`,
      type: 'screen_viewed',
      occurred_at: new Date(Date.now() - 20 * DAY + i * 3_600_000).toISOString(),
      user_id: `m${i % 5}`,
      properties: { screen: 'home' },
    }))
    await acceptEvents(database.pool, { tenant, piiKey: Buffer.alloc(32, 1) }, { events })
  })
  afterAll(async () => {
    await queues.close()
    await database.close()
  })

  const check = async (name: string) =>
    readinessChecks(database, queues)
      .find((candidate) => candidate.name === name)
      ?.check()

  it('a day whose refresh is outstanding is not compared; afterwards raw and aggregate agree', async () => {
    expect(await reconcile({ days: 60 }, context)).toEqual({ compared: 0 })
    await refreshTouched(database.pool)
    const { compared } = await reconcile({ days: 60 }, context)
    expect(compared).toBeGreaterThan(5)
  })

  it('an aggregate that lost rows is reported as an error', async () => {
    const { rows } = await database.pool.query<{ name: string }>(
      `select format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name) as name
       from timescaledb_information.continuous_aggregates where view_name = 'events_hourly'`,
    )
    const day = new Date(Date.now() - 15 * DAY).toISOString().slice(0, 10)
    await database.pool.query(`delete from ${rows[0]?.name} where bucket >= $1 and bucket < $1::date + 1`, [day])
    await expect(reconcile({ days: 60 }, context)).rejects.toThrow(`events_hourly differs from raw events on ${day}`)
  })

  it.skipIf(process.env.DATABASE_URL)(
    'due policies are run once and recorded; the next pass finds nothing due',
    async () => {
      await database.pool.query(`update analytics.job_outcomes set first_seen_at = now() - interval '1 day'`)
      const due = (await listPolicies(database)).filter((policy) => policy.due)
      expect(due.length).toBeGreaterThan(5)
      const first = await runPolicies({}, context)
      expect(first).toEqual({ ran: due.length, failed: 0 })
      // Compression goes on in small steps until every old chunk is done.
      while ((await runPolicies({}, context)).ran > 0);
      const { rows } = await database.pool.query<{ open: number }>(
        `select count(*) as open from timescaledb_information.chunks
       where hypertable_name = 'events' and not is_compressed and range_end < now() - interval '7 days'`,
      )
      expect(rows[0]?.open).toBe(0)
      expect((await listPolicies(database)).every((policy) => policy.failures === 0)).toBe(true)
    },
  )

  it.skipIf(process.env.DATABASE_URL)(
    'a policy that fails is recorded with its error and waits for its retry period',
    async () => {
      const error = await runPolicy(database.pool, { id: 999_999 })
      expect(error).toBeInstanceOf(Error)
      await database.pool.query(
        `update analytics.job_outcomes set consecutive_failures = 1, failures = 1, last_error = 'no space', last_run_at = now()
       where name = 'policy 1001'`,
      )
      const policy = (await listPolicies(database)).find(({ id }) => id === 1001)
      expect(policy).toMatchObject({ due: false, failures: 1, last_error: 'no space' })
    },
  )

  it('readiness names the job that fails three times in a row, and forgets it after a success', async () => {
    for (let i = 0; i < 3; i += 1) await recordFailure(database.pool, 'reconcile', 'differs')
    expect(await check('jobs')).toEqual({ ok: false, detail: 'failing: reconcile' })
    await recordSuccess(database.pool, 'reconcile')
    expect(await check('jobs')).toEqual({ ok: true })
    expect((await jobOutcomes(database.pool)).find(({ name }) => name === 'reconcile')).toMatchObject({
      failures: 3,
      consecutive_failures: 0,
      last_error: 'differs',
    })
  })

  it('readiness sees events that nobody counts', async () => {
    await database.pool.query(`update analytics.dirty_members set marked_at = now() - interval '1 hour'`)
    expect(await check('queue')).toMatchObject({ ok: false })
    expect(await check('migrations')).toEqual({ ok: true })
  })

  it('sampled days lie within the stored ones, are distinct and hold the last', () => {
    const days = sampleDays(0, 9 * DAY, 4)
    expect(days).toHaveLength(4)
    expect(new Set(days).size).toBe(4)
    expect(days.at(-1)).toBe(9 * DAY)
    expect(sampleDays(0, 2 * DAY, 60)).toEqual([0, DAY, 2 * DAY])
    expect(sampleDays(5 * DAY, 2 * DAY, 3)).toEqual([])
  })
})
