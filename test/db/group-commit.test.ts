import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { acceptEvents, type Intake } from '../../db/accept-events.ts'
import { createTenant } from '../../db/tenant.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'

let db: TestDatabase
let intake: Intake
beforeAll(async () => {
  db = await openTestDatabase({ poolSize: 12 })
  const tenant = await createTenant(db.pool, { slug: 'acme', timezone: 'UTC', currency: 'EUR' })
  intake = { tenant, piiKey: Buffer.alloc(32, 1) }
})
afterAll(() => db.close())

const occurredAt = new Date(Date.now() - 60_000).toISOString()
const event = (id: string, properties: Record<string, unknown> = {}) => ({
  event_id: id,
  type: 'session_started',
  occurred_at: occurredAt,
  user_id: 'member-1',
  properties,
})
const send = (...events: readonly unknown[]) => acceptEvents(db.pool, intake, { events })

async function stored(prefix: string): Promise<number> {
  const { rows } = await db.pool.query<{ count: number }>(
    'select count(*)::integer as count from analytics.events where event_id like $1',
    [`${prefix}%`],
  )
  return rows[0]?.count ?? 0
}

describe('single events sent at the same moment', () => {
  test('share statements, and each is answered for itself', async () => {
    let statements = 0
    const pool = new Proxy(db.pool, {
      get: (target, name) => {
        if (name === 'query') statements += 1
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const answers = await Promise.all(
      Array.from({ length: 300 }, (_, i) => acceptEvents(pool, intake, { events: [event(`many-${i}`)] })),
    )
    expect(answers.every(({ accepted, duplicates }) => accepted === 1 && duplicates === 0)).toBe(true)
    expect(await stored('many-')).toBe(300)
    expect(statements).toBeLessThan(30)
  })

  test('count once however often they are sent, and say which one conflicts', async () => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => send(event('same', { n: i === 17 ? 2 : 1 }))),
    )
    expect(answers.reduce((sum, { accepted }) => sum + accepted, 0)).toBe(1)
    expect(answers.reduce((sum, { duplicates }) => sum + duplicates, 0)).toBe(39)
    expect(answers.flatMap(({ conflicts }) => conflicts)).toMatchObject([{ index: 0, event_id: 'same' }])
  })

  test('keep their own positions in batches of several', async () => {
    await send(event('known'))
    const [first, second] = await Promise.all([
      send(event('p-1'), event('known', { other: true })),
      send('no event', event('known', { other: true }), event('p-2')),
    ])
    expect(first).toMatchObject({ accepted: 1, duplicates: 1, conflicts: [{ index: 1 }] })
    expect(second).toMatchObject({ accepted: 1, duplicates: 1, rejected: 1, conflicts: [{ index: 1 }] })
  })

  test('one that the database refuses takes no other down', async () => {
    await db.pool.query(`alter table analytics.events add constraint refused check (event_id <> 'refused')`)
    const results = await Promise.allSettled(['good-1', 'refused', 'good-2', 'good-3'].map((id) => send(event(id))))
    await db.pool.query('alter table analytics.events drop constraint refused')
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
    expect(await stored('good-')).toBe(3)
  })
})
