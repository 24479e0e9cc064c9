/** A stream entry: fields and values alternate, as Redis gives them. */
export type Fields = readonly string[]

export const fieldMap = (fields: Fields): Map<string, string> => {
  const map = new Map<string, string>()
  for (let i = 0; i + 1 < fields.length; i += 2) map.set(fields[i] ?? '', fields[i + 1] ?? '')
  return map
}

/**
 * Value of an entry that Debezium Server's Redis sink wrote. `extended`: fields key and value (and headers); `compact`,
 * its default: the one field's name is the message key, its value the message value.
 */
export function debeziumValue(fields: Fields): string | undefined {
  const map = fieldMap(fields)
  return map.get('value') ?? (fields.length === 2 ? fields[1] : undefined)
}

const eventFields = ['event_id', 'type', 'occurred_at', 'user_id', 'session_id', 'source'] as const

export type EntryReading =
  | { readonly ok: true; readonly events: readonly unknown[] }
  | { readonly ok: false; readonly code: string; readonly message: string }

/**
 * Events of one entry of an event stream: field `event` with one event as JSON, `events` with a list, or the event's
 * own fields flat, `properties` as JSON. An event without an id gets the entry's: an entry read twice counts once.
 */
export function readEventEntry(stream: string, id: string, fields: Fields): EntryReading {
  const map = fieldMap(fields)
  const json = map.get('event') ?? map.get('events')
  if (json !== undefined) {
    const parsed = parseJson(json)
    if (parsed === undefined) return { ok: false, code: 'invalid_json', message: 'The field event is not JSON.' }
    return { ok: true, events: [parsed].flat().map((event, index) => withId(event, stream, id, index)) }
  }
  if (!map.has('type'))
    return {
      ok: false,
      code: 'unreadable_message',
      message: 'The entry has neither a field event (JSON) nor the fields of an event: type, occurred_at, user_id.',
    }
  const properties = map.get('properties')
  const parsed = properties === undefined ? undefined : parseJson(properties)
  if (properties !== undefined && parsed === undefined)
    return { ok: false, code: 'invalid_json', message: 'The field properties is not JSON.' }
  const event = Object.fromEntries(eventFields.flatMap((name) => (map.has(name) ? [[name, map.get(name)]] : [])))
  return {
    ok: true,
    events: [withId({ ...event, ...(parsed === undefined ? {} : { properties: parsed }) }, stream, id, 0)],
  }
}

/** Entry ids are unique in their stream; the stream's name is part of it, cut to what an event id may hold. */
function withId(event: unknown, stream: string, id: string, index: number): unknown {
  if (typeof event !== 'object' || event === null || Array.isArray(event)) return event
  const given: unknown = Reflect.get(event, 'event_id')
  if (given !== undefined && given !== null) return event
  const name = stream.replace(/[^A-Za-z0-9_-]/g, '_').slice(-24)
  return { ...event, event_id: `${name}-${id}${index === 0 ? '' : `-${index}`}` }
}

/** Fields as the quarantine may keep them: JSON parsed, so that personal data in it is found by its key; other text is not kept. */
export function readableFields(fields: Fields): Record<string, unknown> {
  const entries = [...fieldMap(fields)].map(([name, text]): [string, unknown] => [
    name,
    parseJson(text) ?? { unreadable_text: true, length: text.length },
  ])
  return Object.fromEntries(entries)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
