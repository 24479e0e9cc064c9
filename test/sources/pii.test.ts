import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ParsedEvent } from '../../sources/envelope.ts'
import { UnparsableLine } from '../../sources/ndjson.ts'
import { parseEvent } from '../../sources/parse-event.ts'
import { scrub, scrubRaw } from '../../sources/pii.ts'

const key = Buffer.alloc(32, 7)
const hmac = (value: string): string => `hmac:${createHmac('sha256', key).update(value).digest('hex').slice(0, 32)}`
const email = /[\w.+-]+(@|%40)[\w-]+(\.[\w-]+)+/

function event(type: string, properties: Record<string, unknown>, source: string | null = null): ParsedEvent {
  const result = parseEvent({
    event_id: 'e',
    type,
    occurred_at: '2026-01-01T00:00:00Z',
    user_id: 'u',
    source,
    properties,
  })
  if (!result.ok) throw new Error(JSON.stringify(result.errors))
  return result.event
}

const scrubbed = (properties: Record<string, unknown>, configured: readonly string[] = []) =>
  scrub(event('session_started', properties), key, configured).properties

describe('scrub', () => {
  test('replaces values under personal keys, however the key is written and however deep it lies', () => {
    expect(
      scrubbed({
        email: 'Jo@Example.org ',
        'First-Name': 'Jo',
        phone: 4912345,
        deep: { ipAddress: '10.0.0.1' },
        list: [{ $name: 'Jo' }],
        keep: 'Jo',
      }),
    ).toEqual({
      email: hmac('jo@example.org'),
      'First-Name': hmac('jo'),
      phone: hmac('4912345'),
      deep: { ipAddress: hmac('10.0.0.1') },
      list: [{ $name: hmac('jo') }],
      keep: 'Jo',
    })
  })

  test('replaces whole objects under a personal key and keeps null', () => {
    const result = scrubbed({ address: { street: 'Main St 1', city: 'Ulm' }, full_name: null })
    expect(result.address).toMatch(/^hmac:[0-9a-f]{32}$/)
    expect(result.full_name).toBeNull()
  })

  test("replaces the tenant's own keys, even where the catalogue declares them", () => {
    expect(scrubbed({ employeeNumber: 'E-7', platform: 'ios' }, ['employee_number', 'PLATFORM'])).toEqual({
      employeeNumber: hmac('e-7'),
      platform: hmac('ios'),
    })
  })

  test('replaces e-mail addresses in any text, key or source and leaves the rest of the text', () => {
    expect(
      scrubbed({
        note: 'ask jo@example.org, or Ann',
        link: 'https://x.y/?u=jo%40example.org&z=1',
        'a@b.de': 1,
        handle: '@jo at 5@7',
      }),
    ).toEqual({
      note: `ask ${hmac('jo@example.org')}, or Ann`,
      link: `https://x.y/?u=${hmac('jo%40example.org')}&z=1`,
      [hmac('a@b.de')]: 1,
      handle: '@jo at 5@7',
    })
    expect(scrub(event('session_started', {}, 'jo@example.org'), key, []).source).toBe(hmac('jo@example.org'))
  })

  test('keeps the name of an action but not an address in it', () => {
    expect(scrub(event('action', { name: 'library_opened' }), key, []).properties).toEqual({ name: 'library_opened' })
    expect(scrub(event('action', { name: 'mailed jo@example.org' }), key, []).properties.name).toBe(
      `mailed ${hmac('jo@example.org')}`,
    )
  })

  test('keeps the length of a message and nothing of its text', () => {
    const sent = event('message_sent', {
      conversation_id: 'c',
      sender: 'member',
      text: 'Hi 😀',
      length: 99,
      body: 'Hi',
      parts: [{ text: 'Hi' }],
    })
    const result = scrub(sent, key, [])
    expect(result.properties).toEqual({ conversation_id: 'c', sender: 'member', length: 4, parts: [{}] })
    expect(sent.properties.text).toBe('Hi 😀')
  })

  test('renames the subject with its property', () => {
    const result = scrub(event('goal_completed', { goal_id: 'jo@example.org' }), key, [])
    expect(result.subject_id).toBe(hmac('jo@example.org'))
    expect(result.properties.goal_id).toBe(result.subject_id)
  })

  test('gives the same event back when there is nothing to hide', () => {
    const sent = event('goal_progressed', { goal_id: 'g', deep: { a: [1, 'x'] } })
    expect(scrub(sent, key, [])).toBe(sent)
  })

  test('depends on the key of the tenant', () => {
    const sent = event('session_started', { email: 'jo@example.org' })
    expect(scrub(sent, Buffer.alloc(32, 8), []).properties.email).not.toBe(scrub(sent, key, []).properties.email)
  })

  const address = fc
    .tuple(
      fc.stringMatching(/^[\w.+-]{1,10}$/),
      fc.constantFrom('@', '%40'),
      fc.stringMatching(/^[a-z]{1,8}\.[a-z]{2,4}$/),
    )
    .map((parts) => parts.join(''))
  const text = fc.oneof(
    fc.string(),
    address,
    fc.tuple(fc.string(), address, fc.string()).map((parts) => parts.join(' ')),
    fc.tuple(fc.string(), address, fc.string()).map((parts) => parts.join('')),
  )
  const value = fc.oneof(text, fc.integer(), fc.constant(null), fc.array(text), fc.dictionary(text, text))

  test('leaves no e-mail address anywhere, and doing it twice changes nothing', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.oneof(text, fc.constantFrom('email', 'Name', 'ip')), value, { maxKeys: 8 }),
        (properties) => {
          const sent = { ...event('session_started', {}), properties }
          const once = scrub(sent, key, [])
          expect(JSON.stringify(once)).not.toMatch(email)
          expect(scrub(once, key, [])).toEqual(once)
        },
      ),
      { numRuns: 500 },
    )
  })

  test('stays linear on hostile text', () => {
    const started = performance.now()
    for (const hostile of [
      '@'.repeat(65_000),
      'a'.repeat(65_000),
      'a@'.repeat(32_000),
      'a@b'.repeat(21_000),
      `x@${'a.'.repeat(32_000)}`,
    ])
      scrubbed({ note: hostile })
    expect(performance.now() - started).toBeLessThan(1000)
  })
})

describe('scrubRaw', () => {
  test('makes a refused event storable: no personal data, no text, no NUL, no bomb', () => {
    const raw = {
      event_id: 'e',
      type: 'mesage_sent',
      user_id: 'jo@example.org',
      email: 'jo@example.org',
      properties: { text: 'secret', body: 'secret', name: 'Jo', note: 'a\0b\ud800' },
    }
    expect(scrubRaw(raw, key, [])).toEqual({
      event_id: 'e',
      type: 'mesage_sent',
      user_id: hmac('jo@example.org'),
      email: hmac('jo@example.org'),
      properties: { length: 6, name: hmac('jo'), note: 'a\uFFFDb\uFFFD' },
    })
    const bomb = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)
    expect(JSON.stringify(scrubRaw({ address: bomb, other: bomb }, key, []))).toContain('too deep')
  })

  test('keeps what a replay needs: a known event comes out as scrub would leave it', () => {
    const raw = {
      event_id: 'e',
      type: 'action',
      user_id: 'u',
      occurred_at: 'bad',
      properties: { name: 'opened', email: 'jo@example.org' },
    }
    expect(scrubRaw(raw, key, [])).toEqual({ ...raw, properties: { name: 'opened', email: hmac('jo@example.org') } })
  })

  test('keeps nothing of a text that is no event', () => {
    expect(JSON.stringify(scrubRaw('phone: 4912345', key, []))).not.toContain('4912345')
    expect(scrubRaw(new UnparsableLine(3), key, [])).toMatchObject({ unparsable_line: true, length: 3 })
  })

  test('never throws, leaves no e-mail address and gives storable JSON', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.jsonValue({ maxDepth: 5 }),
          fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' })),
        ),
        (raw) => {
          const stored = JSON.stringify(scrubRaw(raw, key, [])) ?? 'null'
          expect(stored).not.toMatch(email)
          expect(stored).not.toMatch(/\\u0000|\\ud[89a-f]/)
        },
      ),
      { numRuns: 200 },
    )
  })
})
