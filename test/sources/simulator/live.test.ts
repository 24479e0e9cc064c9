import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseEvent } from '../../../sources/parse-event.ts'
import { liveEvents } from '../../../sources/simulator/live.ts'
import { createTwin } from '../../../sources/simulator/twin.ts'

const twin = createTwin({ seed: 4, members: 40, days: 60, endDate: '2026-05-15' })
const midnight = Date.parse('2026-05-16T00:00:00Z')
const day = liveEvents(twin, midnight + 86_400_000, { since: midnight })

describe('liveEvents', () => {
  test('lets a day of the twin go on with valid events of members who did not leave', () => {
    expect(day.length).toBeGreaterThan(200)
    const gone = new Set(twin.members.filter((member) => member.silent).map((member) => member.user_id))
    for (const event of day) {
      expect(parseEvent(event)).toMatchObject({ ok: true })
      expect(gone.has(event.user_id)).toBe(false)
    }
    expect(new Set(day.map((event) => event.event_id)).size).toBe(day.length)
  })

  test('cuts any time into windows without gap or overlap', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 86_399_999 }), { maxLength: 12 }), (cuts) => {
        const edges = [0, ...cuts.sort((a, b) => a - b), 86_400_000].map((offset) => midnight + offset)
        const parts = edges.slice(1).flatMap((now, index) => liveEvents(twin, now, { since: edges[index] ?? 0 }))
        expect(parts).toEqual(day)
      }),
      { numRuns: 20 },
    )
  })

  test('never tells of the future', () => {
    const now = midnight + 15 * 3_600_000
    for (const event of liveEvents(twin, now, { since: now - 3_600_000 })) {
      expect(Date.parse(event.occurred_at)).toBeLessThanOrEqual(now)
      expect(Date.parse(event.occurred_at)).toBeGreaterThan(now - 3_600_000)
    }
  })
})
