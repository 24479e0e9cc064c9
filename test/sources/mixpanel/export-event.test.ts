import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type MixpanelReading, readMixpanelExport } from '../../../sources/mixpanel/export-event.ts'
import { eventNamesSchema } from '../../../sources/named-events.ts'
import { parseEvent } from '../../../sources/parse-event.ts'

const reading = (over: Partial<MixpanelReading> & { map?: unknown } = {}): MixpanelReading => ({
  names: eventNamesSchema.parse(over.map ?? {}),
  projectTimezone: over.projectTimezone,
  pseudonym: over.pseudonym ?? ((address) => `hmac:${'0'.repeat(31)}${address.length % 10}`),
})
const read = (line: unknown, over?: Parameters<typeof reading>[0]) => {
  const found = readMixpanelExport(line, reading(over))
  return 'event' in found ? (found.event as Record<string, unknown>) : found
}
const line = (properties: Record<string, unknown>, event = 'Goal Completed') => ({
  event,
  properties: { time: 1_700_000_000, distinct_id: 'm-1', $insert_id: 'a1', ...properties },
})

describe('a line of Mixpanel’s raw export', () => {
  test('becomes an action of its name, without the properties that are Mixpanel’s own', () => {
    const event = read(line({ $os: 'iOS', mp_lib: 'swift', Rating: '5' }))
    expect(event).toEqual({
      event_id: expect.stringMatching(/^mp_[A-Za-z0-9_-]{40}$/),
      type: 'action',
      occurred_at: '2023-11-14T22:13:20.000Z',
      user_id: 'm-1',
      source: 'mixpanel',
      properties: { name: 'Goal Completed', Rating: '5' },
    })
    expect(parseEvent(event).ok).toBe(true)
  })

  test('takes type and properties from the mapping file', () => {
    const map = {
      events: {
        'Goal Completed': { type: 'goal_completed', properties: { goal_id: 'Goal ID' } },
        Rated: {
          type: 'ai_session_rated',
          properties: { ai_session_id: 'Session', rating: { property: 'Stars', as: 'number' } },
        },
        Debug: null,
      },
      others: 'skip',
      session: 'Session',
      keep: ['$os'],
    }
    expect(read(line({ 'Goal ID': 'g-7', $os: 'iOS', $city: 'Oslo' }), { map })).toMatchObject({
      type: 'goal_completed',
      properties: { 'Goal ID': 'g-7', goal_id: 'g-7', $os: 'iOS' },
    })
    expect(read(line({ Session: 's-1', Stars: '4' }, 'Rated'), { map })).toMatchObject({
      session_id: 's-1',
      properties: { ai_session_id: 's-1', rating: 4 },
    })
    for (const name of ['Debug', 'Anything else'])
      expect(read(line({}, name), { map })).toEqual({ skipped: 'not in the mapping' })
  })

  test('is the same event by event, time, distinct_id and $insert_id together, as Mixpanel documents it', () => {
    const id = (given: unknown) => (read(given) as { event_id: string }).event_id
    const same = line({ Rating: 1 })
    expect(id(line({ Rating: 2 }))).toBe(id(same))
    for (const other of [line({}, 'Other'), line({ time: 1 }), line({ distinct_id: 'm-2' }), line({ $insert_id: 'b' })])
      expect(id(other)).not.toBe(id(same))
    const bare = { event: 'x', properties: { time: 1, distinct_id: 'm', a: 1, b: 2 } }
    expect(id({ properties: { b: 2, a: 1, distinct_id: 'm', time: 1 }, event: 'x' })).toBe(id(bare))
    expect(id({ ...bare, properties: { ...bare.properties, a: 2 } })).not.toBe(id(bare))
  })

  test('prefers $user_id, leaves devices out and makes pseudonyms of addresses', () => {
    expect(read(line({ $user_id: 'u-9' }))).toMatchObject({ user_id: 'u-9' })
    expect(read(line({ distinct_id: '$device:1f2e' }))).toEqual({ skipped: 'anonymous device' })
    expect(read(line({ distinct_id: 'ada@example.com' }))).toMatchObject({ user_id: expect.stringMatching(/^hmac:/) })
  })

  test('with a project time zone, the wall clock of that zone becomes the instant, across the clock change', () => {
    const projectTimezone = 'America/New_York'
    const at = (time: string) =>
      (read(line({ time: Date.parse(`${time}Z`) / 1000 }), { projectTimezone }) as { occurred_at: string }).occurred_at
    expect(at('2020-07-01T12:34:56')).toBe('2020-07-01T16:34:56.000Z')
    expect(at('2020-12-01T12:34:56')).toBe('2020-12-01T17:34:56.000Z')
    expect(at('2020-03-08T01:59:59')).toBe('2020-03-08T06:59:59.000Z')
    expect(at('2020-03-08T03:00:00')).toBe('2020-03-08T07:00:00.000Z')
    expect(at('2020-11-01T01:30:00')).toBe('2020-11-01T05:30:00.000Z')
  })

  test.each([
    [{}],
    [{ event: 'x' }],
    [{ event: 1, properties: {} }],
    [[]],
    ['text'],
    [null],
    [{ event: 'x', properties: { time: 'soon', distinct_id: 'm' } }],
    [{ event: 'x', properties: { time: -1, distinct_id: 'm' } }],
    [{ event: 'x', properties: { time: 1e300, distinct_id: 'm' } }],
  ])('that is broken (%j) is left for the door to reject', (broken) => {
    expect(parseEvent(read(broken)).ok).toBe(false)
  })
})

const data = join(process.env.UPCOACH_REAL_DATA ?? '../shared/data', 'mixpanel_export')

interface Expected {
  readonly rows: number
  readonly distinct_by_documented_key: number
  readonly rows_without_user: number
  readonly first_utc: string
  readonly last_utc: string
  readonly utc_dau: Record<string, number>
  readonly processing_lag_ms?: number[]
}

describe.skipIf(!existsSync(data))('real export lines (skipped when the real data is not present)', () => {
  const expected = existsSync(data)
    ? (JSON.parse(readFileSync(join(data, 'expected.json'), 'utf8')) as Record<string, Expected>)
    : {}
  const linesOf = (file: string) =>
    readFileSync(join(data, file), 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((text) => JSON.parse(text) as { properties: Record<string, number> })

  test.each(Object.keys(expected))('%s gives the rows, members and times that were worked out for it', (file) => {
    const want = expected[file]
    const events = linesOf(file).map((given) => read(given) as Record<string, string>)
    const times = events.map(({ occurred_at }) => `${occurred_at?.slice(0, 19)}Z`).sort()
    expect(events).toHaveLength(want?.rows ?? -1)
    expect(new Set(events.map(({ event_id }) => event_id)).size).toBe(want?.distinct_by_documented_key)
    expect(events.filter((event) => !parseEvent(event).ok)).toHaveLength(want?.rows_without_user ?? -1)
    expect([times[0], times.at(-1)]).toEqual([want?.first_utc, want?.last_utc])
    const active = Object.fromEntries(Object.keys(want?.utc_dau ?? {}).map((day) => [day, new Set<string>()]))
    for (const { occurred_at = '', user_id } of events) if (user_id) active[occurred_at.slice(0, 10)]?.add(user_id)
    expect(Object.fromEntries(Object.entries(active).map(([day, users]) => [day, users.size]))).toEqual(want?.utc_dau)
  })

  test('an old project’s local times, read with its zone, are those at which Mixpanel processed them', () => {
    for (const given of linesOf('A_export_docs.ndjson')) {
      const { occurred_at } = read(given, { projectTimezone: 'America/New_York' }) as { occurred_at: string }
      const lag = (given.properties.mp_processing_time_ms ?? 0) - Date.parse(occurred_at)
      expect(lag).toBeGreaterThanOrEqual(0)
      expect(lag).toBeLessThan(1000)
    }
  })
})
