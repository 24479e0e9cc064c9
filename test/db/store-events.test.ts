import { hash } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { acceptEvents, type Intake } from '../../db/accept-events.ts'
import { contentHash, decimal } from '../../db/content-hash.ts'
import { sortedJson } from '../../db/sorted-json.ts'
import { createTenant } from '../../db/tenant.ts'
import { erasureKeyOf, memberHash } from '../../sources/member-ids.ts'
import { parseEvent } from '../../sources/parse-event.ts'
import { openTestDatabase, type TestDatabase } from '../support/database.ts'

let db: TestDatabase
beforeAll(async () => {
  db = await openTestDatabase()
})
afterAll(() => db.close())

const piiKey = Buffer.alloc(32, 1)
const start = Date.now() - 3 * 3_600_000
const at = (minutes: number) => new Date(start + minutes * 60_000).toISOString()

/** A tenant who knows three members: one whose plan and coach changed at minute 10, one without history, one erased. */
async function tenantWithMembers(slug: string): Promise<Intake> {
  const tenant = await createTenant(db.pool, { slug, timezone: 'Asia/Kolkata', currency: 'EUR' })
  await db.pool.query(
    `insert into analytics.members (tenant_id, user_id, signup_day) values ($1, 'changed', '2026-02-28')`,
    [tenant.id],
  )
  await db.pool.query(
    `insert into analytics.member_history (tenant_id, user_id, valid_from, plan, coach_id)
     values ($1, 'changed', $2, 'free', 'coach-1'), ($1, 'changed', $3, 'pro', 'coach-2')`,
    [tenant.id, at(0), at(10)],
  )
  await db.pool.query('insert into analytics.erased_members (tenant_id, member_hash) values ($1, $2)', [
    tenant.id,
    memberHash(erasureKeyOf(piiKey), 'erased'),
  ])
  return { tenant, piiKey }
}

const stored = async ({ tenant }: Intake) => {
  const { rows } = await db.pool.query(
    `select event_id, occurred_at, claimed_at, local_hour, type, user_id, session_id, subject_id, source, is_action, plan, coach_id,
       cohort_week::text, cohort_month::text, properties, content_hash::text
     from analytics.events where tenant_id = $1 order by event_id, occurred_at`,
    [tenant.id],
  )
  return rows
}

const marked = async ({ tenant }: Intake) => {
  const { rows } = await db.pool.query<{ user_id: string; types: string[]; since: string }>(
    `select user_id, array_agg(distinct type order by type) as types, min(since) as since
     from analytics.dirty_members, unnest(types) as type where tenant_id = $1 group by user_id order by user_id`,
    [tenant.id],
  )
  return rows
}

const event = fc.record({
  event_id: fc.constantFrom('e1', 'e2', 'e3', 'e4', 'e5', 'e6', 'e7', 'e8'),
  occurred_at: fc.integer({ min: -5, max: 20 }).map(at),
  user_id: fc.constantFrom('changed', 'plain', 'erased'),
  type: fc.constantFrom('screen_viewed', 'session_started', 'habit_checked'),
  session_id: fc.option(fc.constant('s-1')),
  source: fc.option(fc.constantFrom('ios', 'say "ümlaut" \\')),
  properties: fc.constantFrom(
    { screen: 'a', habit_id: 'h' },
    { screen: 'b', habit_id: 'h', nested: { z: 1, a: [null] } },
  ),
})

describe('a batch of events as their senders dated them', () => {
  test('is stored, answered and marked as it would be for a tenant with corrected clocks', async () => {
    let n = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(event, { minLength: 1, maxLength: 12 }), { maxLength: 4 }),
        async (batches) => {
          n += 1
          const plain = await tenantWithMembers(`plain-${n}`)
          const correcting = await tenantWithMembers(`correcting-${n}`)
          await db.pool.query('insert into analytics.event_corrections values ($1, $2, $3, $3)', [
            correcting.tenant.id,
            'other',
            at(0),
          ])
          for (const events of batches) {
            const answer = await acceptEvents(db.pool, plain, { events })
            expect(answer).toEqual(await acceptEvents(db.pool, correcting, { events }))
          }
          expect(await stored(plain)).toEqual(await stored(correcting))
          const [marks, exact] = [await marked(plain), await marked(correcting)]
          expect(marks.map(({ user_id }) => user_id)).toEqual(exact.map(({ user_id }) => user_id))
          for (const [i, { types, since }] of exact.entries()) {
            expect(marks[i]?.types).toEqual(expect.arrayContaining(types))
            expect((marks[i]?.since ?? '') <= since).toBe(true)
          }
        },
      ),
      { numRuns: 15 },
    )
  }, 120_000)

  test('knows what was stored by earlier releases: the hash of a content is what it was', () => {
    const parsed = parseEvent({
      event_id: 'e',
      type: 'screen_viewed',
      occurred_at: at(0),
      user_id: 'm',
      source: 'a "b"',
      properties: { screen: 's', b: { d: 1, c: [2, 1] } },
    })
    if (!parsed.ok) throw new Error('not an event')
    const content = String.raw`["screen_viewed","m",null,"a \"b\"",{"b":{"c":[2,1],"d":1},"screen":"s"}]`
    const text = sortedJson(parsed.event.properties)
    expect(decimal(contentHash(parsed.event, text))).toBe(hash('sha256', content, 'buffer').readBigInt64BE().toString())
  })
})
