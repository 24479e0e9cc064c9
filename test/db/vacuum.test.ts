import { afterAll, beforeAll, expect, test } from 'vitest'
import { vacuumTables } from '../../db/jobs.ts'
import { createTenant } from '../../db/tenant.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await openTestDatabase({ poolSize: 2 })
}, 120_000)
afterAll(() => database.close())

/** Pages of raw events that a look at the newest hour reads, of how many there are. */
async function pagesOfTail(): Promise<{ read: number; of: number }> {
  const client = await database.pool.connect()
  try {
    await client.query('begin')
    // few rows: the planner would rather read them all
    await client.query('set local enable_seqscan = off')
    await client.query('set local enable_indexscan = off')
    await client.query('set local enable_indexonlyscan = off')
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(
      `explain (analyze, costs off, timing off) select count(*) from analytics.events where occurred_at >= '2026-03-02T23:00:00Z'`,
    )
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n')
    const { rows: sizes } = await client.query<{ pages: number }>(
      `select (pg_relation_size(c) / 8192)::integer as pages from show_chunks('analytics.events') c`,
    )
    return { read: Number(/lossy=(\d+)/.exec(plan)?.[1]), of: sizes[0]?.pages ?? 0 }
  } finally {
    await client.query('rollback')
    client.release()
  }
}

test('new rows of a chunk are entered in its index on time: who asks for the newest hour does not read the day', async () => {
  const { id } = await createTenant(database.pool, { slug: 'acme', timezone: 'UTC', currency: 'USD' })
  await database.pool.query(
    `insert into analytics.events (tenant_id, event_id, occurred_at, local_hour, type, user_id, is_action, content_hash)
     select $1, 'e' || i, at, date_trunc('hour', at at time zone 'UTC'), 'action', 'm' || i % 20, true, 1
     from (select i, timestamptz '2026-03-02T00:00:00Z' + i * interval '4 seconds' as at from generate_series(0, 21599) i) e`,
    [id],
  )
  await vacuumTables(database.pool)
  const { read, of } = await pagesOfTail()
  expect(of).toBeGreaterThan(200)
  expect(read).toBeLessThan(of / 4)
})
