import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { eventNamesSchema } from '../../../sources/named-events.ts'
import { parseEvent } from '../../../sources/parse-event.ts'
import { readSegmentPayload } from '../../../sources/segment/payload.ts'

const names = eventNamesSchema.parse({
  events: { 'Goal Completed': { type: 'goal_completed', properties: { goal_id: 'id' } } },
})
const read = (payload: unknown) => readSegmentPayload(payload, { names, pseudonym: undefined })
const track = { type: 'track', event: 'Goal Completed', userId: 'u1', messageId: 'm1', properties: { id: 'g1' } }

describe('a payload of Segment or RudderStack', () => {
  test('track goes by its name, screens and pages are views, calls about people are no events', () => {
    const timestamp = '2023-11-22T18:14:08.612Z'
    expect(read({ ...track, timestamp })).toEqual([
      {
        event: {
          event_id: 'm1',
          type: 'goal_completed',
          occurred_at: timestamp,
          user_id: 'u1',
          source: 'segment',
          properties: { id: 'g1', goal_id: 'g1' },
        },
      },
    ])
    expect(read({ type: 'screen', name: 'Home', userId: 'u1', messageId: 'm', timestamp })).toMatchObject([
      { event: { type: 'screen_viewed', properties: { screen: 'Home' } } },
    ])
    for (const type of ['identify', 'group', 'alias'])
      expect(read({ type, userId: 'u1' })).toEqual([{ skipped: `${type} call` }])
  })

  test('without a timestamp, the client’s clock is corrected as Segment does it', () => {
    const clocks = {
      originalTimestamp: '2023-01-01T03:00:00.000Z',
      sentAt: '2023-01-01T03:00:10.000Z',
      receivedAt: '2023-01-01T00:00:11.000Z',
    }
    expect(read({ ...track, ...clocks })).toMatchObject([{ event: { occurred_at: '2023-01-01T00:00:01.000Z' } }])
    expect(read({ ...track, timestamp: '2019-07-06T07:12:12' })).toMatchObject([
      { event: { occurred_at: '2019-07-06T07:12:12.000Z' } },
    ])
    expect(read({ ...track, timestamp: 1_562_397_132 })).toMatchObject([
      { event: { occurred_at: '2019-07-06T07:12:12.000Z' } },
    ])
  })
})

const data = join(process.env.UPCOACH_REAL_DATA ?? '../shared/data', 'segment_rudder')

describe.skipIf(!existsSync(data))('real payloads (skipped when the real data is not present)', () => {
  const json = (path: string): unknown => JSON.parse(readFileSync(join(data, path), 'utf8'))
  const outcome = (found: ReturnType<typeof read>[number] | undefined) =>
    found === undefined ? undefined : 'skipped' in found ? found.skipped : parseEvent(found.event)

  test('shapes of track calls and batches are taken, skipped or rejected as described', () => {
    const shapes = json('shapes_retyped.json') as { name: string; payload: unknown }[]
    const results = Object.fromEntries(shapes.map(({ name, payload }) => [name, read(payload).map(outcome)]))
    expect(results).toMatchObject({
      segment_track_minimal: [{ ok: false, errors: [{ field: 'properties.goal_id', code: 'missing_property' }] }],
      track_anonymous_only: ['anonymous device'],
      rudder_no_ids: [{ ok: false, errors: expect.arrayContaining([expect.objectContaining({ field: 'user_id' })]) }],
      rudder_no_messageId: [{ ok: true, event: { event_id: expect.stringMatching(/^sg_/) } }],
      batch: [{ ok: true, event: { event_id: 'm3', occurred_at: '2023-11-22T18:14:10.000Z' } }, 'identify call'],
    })
  })

  test('what RevenueCat forwards for people who never logged in is no member’s event', () => {
    const folder = 'revenuecat_forwarded'
    const files = readdirSync(join(data, folder)).filter((file) => /_\d+\.json$/.test(file))
    expect(files.length).toBeGreaterThan(5)
    for (const file of files) {
      const { track_event, identify } = json(join(folder, file)) as Record<string, Record<string, unknown>>
      expect(read(track_event).map(outcome), file).toEqual(['anonymous device'])
      const member = { ...track_event, userId: 'm-1', user_id: 'm-1' }
      expect(read(member).map(outcome), file).toMatchObject([
        { ok: true, event: { type: 'action', occurred_at: `${track_event?.timestamp}.000Z` } },
      ])
      expect(read({ type: 'identify', ...identify })).toEqual([{ skipped: 'identify call' }])
    }
  })
})
