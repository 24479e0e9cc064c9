import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseJsonBatch, parseNdjsonBatch, readBatch, UnparsableLine } from '../../sources/ndjson.ts'

describe('a JSON body', () => {
  test('is an object with events and perhaps sent_at', () => {
    expect(parseJsonBatch('{"events":[1,{}]}')).toEqual({ ok: true, batch: { events: [1, {}] } })
    expect(parseJsonBatch('\uFEFF{"sent_at":"2026-03-31T08:15:00Z","events":[]}')).toEqual({
      ok: true,
      batch: { sent_at: '2026-03-31T08:15:00Z', events: [] },
    })
    expect(readBatch({ sent_at: null, events: [] })).toEqual({ ok: true, batch: { events: [] } })
  })

  test.each([
    ['no JSON', '{"events":[', 'invalid_body'],
    ['an empty body', '', 'invalid_body'],
    ['a bare list', '[{}]', 'invalid_batch'],
    ['null', 'null', 'invalid_batch'],
    ['events that are no list', '{"events":{}}', 'invalid_batch'],
    ['a sent_at without zone', '{"sent_at":"2026-03-31T08:15:00","events":[]}', 'invalid_sent_at'],
    ['a sent_at that is a number', '{"sent_at":1,"events":[]}', 'invalid_sent_at'],
  ])('%s is refused as a whole', (_what, text, code) => {
    expect(parseJsonBatch(text)).toMatchObject({ ok: false, code })
  })
})

describe('an NDJSON body', () => {
  test('is one event per line, whatever the line ends', () => {
    expect(parseNdjsonBatch('\uFEFF{"a":1}\r\n\n  \n{"a":2}\n{"a":3}')).toEqual({
      ok: true,
      batch: { events: [{ a: 1 }, { a: 2 }, { a: 3 }] },
    })
    expect(parseNdjsonBatch('')).toEqual({ ok: true, batch: { events: [] } })
  })

  test('may begin with a line that is only sent_at', () => {
    expect(parseNdjsonBatch('{"sent_at":"2026-03-31T08:15:00Z"}\n{"a":1}\n')).toEqual({
      ok: true,
      batch: { sent_at: '2026-03-31T08:15:00Z', events: [{ a: 1 }] },
    })
    expect(parseNdjsonBatch('{"sent_at":"now"}\n{"a":1}\n')).toMatchObject({ ok: false, code: 'invalid_sent_at' })
  })

  test('keeps the place of a broken line, but not its text', () => {
    const result = parseNdjsonBatch('{"a":1}\n{"email":"jo@example.org"\n{"a":2}\n')
    expect(result).toMatchObject({ ok: true, batch: { events: [{ a: 1 }, expect.any(UnparsableLine), { a: 2 }] } })
    expect(JSON.stringify(result)).not.toContain('jo@')
  })

  test('gives back any list of JSON values that was written line by line', () => {
    fc.assert(
      fc.property(fc.array(fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.jsonValue(), { minKeys: 1 })), (events) => {
        const copy = JSON.parse(JSON.stringify(events))
        expect(parseNdjsonBatch(events.map((e) => JSON.stringify(e)).join('\n'))).toEqual({
          ok: true,
          batch: { events: copy },
        })
      }),
    )
  })

  test('never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => void [parseNdjsonBatch(text), parseJsonBatch(text)]))
  })
})
