import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { beat } from '../../workers/heartbeat.ts'
import { openQueues, type Queues } from '../../workers/queues.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'

let db: TestDatabase
let queues: Queues
let directory: string
beforeAll(async () => {
  db = await openTestDatabase()
  queues = await openQueues({}, db, () => undefined)
  directory = await mkdtemp(join(tmpdir(), 'upcoach-heartbeat-'))
})
afterAll(async () => {
  await queues.close()
  await db.close()
  await rm(directory, { recursive: true, force: true })
})

test('beats while database and queues answer, stops when they do not, and ends when told', async () => {
  const file = join(directory, 'heartbeat')
  const age = async () => (await stat(file)).mtimeMs
  let isBroken = false
  const pool = { query: () => (isBroken ? Promise.reject(new Error('gone')) : db.pool.query('select 1')) }
  const heart = new AbortController()
  const done = beat(pool as unknown as typeof db.pool, queues, heart.signal, { file, intervalMs: 20 })
  const first = await eventually(age)
  await eventually(async () => expect(await age()).toBeGreaterThan(first))
  isBroken = true
  await eventually(async () => {
    const before = await age()
    // That nothing comes can only be seen by waiting: ten intervals.
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(await age()).toBe(before)
  })
  heart.abort()
  await done
})
