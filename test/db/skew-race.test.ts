import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { acceptEvents, type Intake } from '../../db/accept-events.ts'
import { createTenant } from '../../db/tenant.ts'
import { types } from '../../db/types.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'

const MINUTE = 60_000

let db: TestDatabase
let intake: Intake
beforeAll(async () => {
  db = await openTestDatabase({ poolSize: 12 })
  const tenant = await createTenant(db.pool, { slug: 'acme', timezone: 'UTC', currency: 'EUR' })
  intake = { tenant, piiKey: Buffer.alloc(32, 1) }
})
afterAll(() => db.close())

const now = Date.now()
const claimed = new Date(now - 20 * MINUTE).toISOString()
const events = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, i) => ({
    event_id: `${prefix}-${i}`,
    type: 'session_started',
    occurred_at: claimed,
    user_id: `m${i % 7}`,
  }))
/** A sender whose clock is ten minutes late says so; one that says nothing is believed. */
const corrected = (prefix: string, count: number) =>
  acceptEvents(db.pool, intake, { events: events(prefix, count), sent_at: new Date(now - 10 * MINUTE).toISOString() })
const uncorrected = (prefix: string, count: number) => acceptEvents(db.pool, intake, { events: events(prefix, count) })

const stored = async (prefix: string) => {
  const { rows } = await db.pool.query<{ stored: number; ids: number }>(
    `select count(*)::integer as stored, count(distinct event_id)::integer as ids from analytics.events where event_id like $1`,
    [`${prefix}-%`],
  )
  return rows[0]
}

describe('an event sent corrected and uncorrected at the same moment', () => {
  test('is stored once, on as many connections as there are', async () => {
    for (let round = 0; round < 12; round += 1) {
      const prefix = `race${round}`
      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, i) => (i % 2 === round % 2 ? corrected(prefix, 30) : uncorrected(prefix, 30))),
      )
      expect(answers.reduce((sum, { accepted }) => sum + accepted, 0)).toBe(30)
      expect(answers.reduce((sum, { duplicates }) => sum + duplicates, 0)).toBe(7 * 30)
      expect(await stored(prefix)).toEqual({ stored: 30, ids: 30 })
    }
  }, 60_000)

  test('waits for a sender of the other kind that has not committed yet, and counts as its duplicate', async () => {
    if (db.kind === 'embedded') return // one session: nothing can be in between
    for (const first of ['corrected', 'uncorrected'] as const) {
      // One connection: what is asked of the pool is part of its transaction.
      const held = new pg.Pool({ ...db.connection, types, max: 1, idleTimeoutMillis: 0 })
      try {
        await held.query('begin')
        const send = { corrected, uncorrected }
        const offset = first === 'corrected' ? { sent_at: new Date(now - 10 * MINUTE).toISOString() } : {}
        await acceptEvents(held, intake, { events: events(`held-${first}`, 3), ...offset })
        const other = send[first === 'corrected' ? 'uncorrected' : 'corrected'](`held-${first}`, 3)
        const waiting = async () => {
          const { rows } = await db.pool.query<{ waiting: number }>(
            `select count(*)::integer as waiting from pg_locks where locktype = 'advisory' and not granted`,
          )
          return rows[0]?.waiting ?? 0
        }
        while ((await waiting()) === 0);
        await held.query('commit')
        expect(await other).toMatchObject({ accepted: 0, duplicates: 3 })
      } finally {
        await held.end()
      }
      expect(await stored(`held-${first}`)).toEqual({ stored: 3, ids: 3 })
    }
  }, 60_000)
})
