import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { eventCatalog } from '../../sources/catalog.ts'
import { type RawEvent, rawEvent } from '../../sources/envelope.ts'
import { eventErrors } from '../../sources/errors.ts'
import { UnparsableLine } from '../../sources/ndjson.ts'
import { parseEvent } from '../../sources/parse-event.ts'

const good: RawEvent = {
  event_id: 'e-1',
  type: 'goal_progressed',
  occurred_at: '2026-03-31T08:15:00+02:00',
  user_id: 'member-17',
  session_id: 's-1',
  source: 'ios',
  properties: { goal_id: 'goal-9', progress: 0.4, note: 'extra' },
}

const nested = (levels: number): unknown => (levels === 0 ? 1 : { in: nested(levels - 1) })
const habit = (schedule: unknown) => ({ ...good, type: 'habit_created', properties: { habit_id: 'h', schedule } })
const codes = (raw: unknown): string[] => {
  const result = parseEvent(raw)
  return result.ok ? [] : result.errors.map(({ field, code }) => `${field} ${code}`)
}

describe('parseEvent', () => {
  test('gives the canonical event: UTC time, subject, actor, extra properties kept', () => {
    expect(parseEvent(good)).toEqual({
      ok: true,
      event: {
        event_id: 'e-1',
        type: 'goal_progressed',
        occurred_at: '2026-03-31T06:15:00.000Z',
        user_id: 'member-17',
        session_id: 's-1',
        source: 'ios',
        properties: { goal_id: 'goal-9', progress: 0.4, note: 'extra' },
        subject_id: 'goal-9',
        is_action: true,
      },
    })
  })

  test('takes null for what is optional', () => {
    const raw = { ...good, type: 'signed_up', session_id: null, source: null, properties: { plan: null } }
    expect(parseEvent(raw)).toMatchObject({ ok: true, event: { session_id: null, source: null, subject_id: null } })
    expect(parseEvent({ ...raw, properties: null })).toMatchObject({ ok: true, event: { properties: {} } })
  })

  test.each<[string, unknown, string[]]>([
    ['nothing', undefined, [' invalid_event']],
    ['a list', [good], [' invalid_event']],
    ['a text', 'event', [' invalid_event']],
    ['an unread line', new UnparsableLine(7), [' invalid_json']],
    ['an empty object', {}, ['event_id', 'user_id', 'occurred_at', 'type'].map((f) => `${f} missing_field`)],
    ['an event id with a blank', { ...good, event_id: 'a b' }, ['event_id invalid_id']],
    ['an event id of 65 characters', { ...good, event_id: 'a'.repeat(65) }, ['event_id invalid_id']],
    ['an event id with a line break', { ...good, event_id: 'a\n' }, ['event_id invalid_id']],
    ['a numeric user id', { ...good, user_id: 17 }, ['user_id invalid_id']],
    ['an e-mail address as user id', { ...good, user_id: 'jo@example.org' }, ['user_id invalid_id']],
    ['a bad session id', { ...good, session_id: 'a/b' }, ['session_id invalid_id']],
    ['a local time', { ...good, occurred_at: '2026-03-31T08:15:00' }, ['occurred_at invalid_time']],
    ['30 February', { ...good, occurred_at: '2026-02-30T08:15:00Z' }, ['occurred_at invalid_time']],
    ['an unknown type', { ...good, type: 'goal_exploded' }, ['type unknown_type']],
    ['a type that is no text', { ...good, type: 1 }, ['type unknown_type']],
    ['a long source', { ...good, source: 'x'.repeat(65) }, ['source invalid_source']],
    ['properties that are a list', { ...good, properties: [] }, ['properties invalid_properties']],
    ['a missing property', { ...good, properties: {} }, ['properties.goal_id missing_property']],
    ['a property of the wrong type', { ...good, properties: { goal_id: 7 } }, ['properties.goal_id invalid_property']],
    [
      'a property out of range',
      { ...good, properties: { goal_id: 'g', progress: 1.1 } },
      ['properties.progress invalid_property'],
    ],
    ['a blank goal id', { ...good, properties: { goal_id: ' ' } }, ['properties.goal_id invalid_property']],
    ['weekday 8', habit({ kind: 'weekdays', days: [1, 8] }), ['properties.schedule.days.1 invalid_property']],
    ['a weekday twice', habit({ kind: 'weekdays', days: [1, 1] }), ['properties.schedule.days invalid_property']],
    ['no weekday', habit({ kind: 'weekdays', days: [] }), ['properties.schedule.days invalid_property']],
    ['an unknown schedule', habit({ kind: 'sometimes' }), ['properties.schedule.kind invalid_property']],
    ['a schedule without days', habit({ kind: 'weekdays' }), ['properties.schedule.days missing_property']],
    [
      'an impossible local day',
      { ...good, type: 'habit_checked', properties: { habit_id: 'h', for_date: '2026-02-30' } },
      ['properties.for_date invalid_property'],
    ],
    [
      'half a star',
      { ...good, type: 'mood_logged', properties: { score: 3.5 } },
      ['properties.score invalid_property'],
    ],
    ['four levels', { ...good, properties: { goal_id: 'g', a: nested(3) } }, ['properties too_deep']],
    [
      '256 properties',
      { ...good, properties: { goal_id: 'g', list: Array(254).fill(1) } },
      ['properties too_many_properties'],
    ],
    ['a NUL', { ...good, properties: { goal_id: 'g', note: 'a\0b' } }, ['properties invalid_text']],
    ['half a surrogate pair', { ...good, properties: { goal_id: 'g', '\ud800': 1 } }, ['properties invalid_text']],
    [
      'an infinite number',
      { ...good, properties: JSON.parse('{"goal_id":"g","n":1e999}') },
      ['properties invalid_number'],
    ],
    ['a huge text', { ...good, properties: { goal_id: 'g', note: 'x'.repeat(65_537) } }, ['properties too_large']],
    ['a huge name', { ...good, properties: { goal_id: 'g', ['x'.repeat(256)]: 1 } }, ['properties too_large']],
    [
      'everything wrong at once',
      { event_id: '', type: 'x', occurred_at: 1, user_id: '-' },
      ['event_id invalid_id', 'user_id invalid_id', 'occurred_at invalid_time', 'type unknown_type'],
    ],
  ])('refuses %s', (_what, raw, expected) => {
    expect(codes(raw)).toEqual(expected)
  })

  test('takes what is just within the limits', () => {
    expect(codes({ ...good, properties: { goal_id: 'g', a: nested(2) } })).toEqual([])
    expect(codes({ ...good, properties: { goal_id: 'g', list: Array(253).fill(1) } })).toEqual([])
    expect(codes({ ...good, properties: { goal_id: 'g', note: 'x'.repeat(65_536), smile: '😀' } })).toEqual([])
  })

  test.each([
    'null',
    'NULL',
    'undefined',
    'anon',
    'Anonymous',
    'none',
    'unknown',
    '0',
    '00000000-0000-0000-0000-000000000000',
  ])('refuses the placeholder %s as an identity but not as an event id', (id) => {
    expect(codes({ ...good, user_id: id })).toEqual(['user_id reserved_id'])
    expect(codes({ ...good, session_id: id })).toEqual(['session_id reserved_id'])
    expect(codes({ ...good, event_id: id })).toEqual([])
  })

  test('a refusal names the event only if its id is well formed, and never repeats a value', () => {
    const secret = 'jo.secret@example.org'
    const raw = {
      event_id: secret,
      type: secret,
      occurred_at: secret,
      user_id: secret,
      session_id: secret,
      properties: secret,
    }
    const result = parseEvent(raw)
    expect(result).not.toHaveProperty('event_id')
    expect(JSON.stringify(result)).not.toContain('secret')
    expect(parseEvent({ ...good, user_id: secret })).toMatchObject({ ok: false, event_id: 'e-1' })
    for (const definition of eventCatalog) {
      const properties = Object.fromEntries(
        Object.keys(definition.properties.shape).map((key) => [key, { [secret]: secret }]),
      )
      expect(JSON.stringify(parseEvent({ ...definition.example, properties }))).not.toContain('secret')
    }
  })

  test('never throws and answers with known codes, whatever JSON comes', () => {
    const envelope = fc.record(
      {
        event_id: fc.oneof(fc.constant('e-1'), fc.json()),
        type: fc.oneof(fc.constantFrom(...eventCatalog.map((e) => e.type)), fc.string()),
        occurred_at: fc.oneof(fc.constant('2026-03-31T08:15:00Z'), fc.string()),
        user_id: fc.oneof(fc.constant('u-1'), fc.string()),
        session_id: fc.jsonValue(),
        source: fc.jsonValue(),
        properties: fc.oneof(fc.jsonValue({ maxDepth: 6 }), fc.dictionary(fc.string(), fc.jsonValue())),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue({ maxDepth: 6 }), envelope), (value) => {
        const result = parseEvent(JSON.parse(JSON.stringify(value)))
        if (!result.ok) for (const error of result.errors) expect(eventErrors).toHaveProperty(error.code)
      }),
      { numRuns: 1000 },
    )
  })

  test('survives a hundred thousand levels of nesting and keys that name prototypes', () => {
    const bomb = JSON.parse(`${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`)
    expect(codes({ ...good, properties: bomb })).toEqual(['properties too_deep'])
    const raw = JSON.parse(
      '{"event_id":"e","type":"action","occurred_at":"2026-01-01T00:00:00Z","user_id":"u","properties":{"name":"x","__proto__":{"polluted":true},"constructor":1}}',
    )
    expect(parseEvent(raw)).toMatchObject({ ok: true })
    expect({}).not.toHaveProperty('polluted')
  })

  test('parsing a canonical event again changes nothing', () => {
    const extra = fc.dictionary(
      fc.stringMatching(/^[a-z]{1,8}$/),
      fc.oneof(fc.integer(), fc.boolean(), fc.stringMatching(/^\w*$/), fc.constant(null)),
      { maxKeys: 5 },
    )
    const sent = fc.tuple(
      fc.constantFrom(...eventCatalog),
      extra,
      fc.date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true }),
    )
    fc.assert(
      fc.property(sent, ([definition, more, date]) => {
        const raw = {
          ...definition.example,
          occurred_at: date.toISOString(),
          properties: { ...more, ...definition.example.properties },
        }
        const once = parseEvent(raw)
        if (!once.ok) return
        expect(once.event.occurred_at).toBe(date.toISOString())
        expect(parseEvent(once.event)).toEqual(once)
      }),
    )
  })

  test('accepts exactly the envelopes that the documented schema accepts', () => {
    const id = fc.oneof(
      fc.stringMatching(/^[A-Za-z0-9@_.:-]{0,6}$/),
      fc.constant(undefined),
      fc.constant(null),
      fc.integer(),
    )
    const text = fc.oneof(
      fc.string({ maxLength: 70 }).map((s) => s.replace(/\p{C}/gu, '')),
      fc.constant(null),
      fc.constant(undefined),
      fc.integer(),
    )
    const fields = fc.record({ event_id: id, user_id: id, session_id: id, source: text })
    fc.assert(
      fc.property(fields, (some) => {
        const raw = { ...some, type: 'session_started', occurred_at: '2026-03-31T08:15:00Z' }
        const result = parseEvent(raw)
        const refused = result.ok ? [] : result.errors.filter((error) => error.code !== 'reserved_id')
        expect(refused.length === 0).toBe(rawEvent.safeParse(raw).success)
      }),
      { numRuns: 500 },
    )
  })
})
