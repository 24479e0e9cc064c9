import type { z } from 'zod'
import { findEventType } from './catalog.ts'
import { eventIdPattern, eventLimits, isReservedId, type ParsedEvent, userIdPattern } from './envelope.ts'
import { type EventError, type EventErrorCode, eventError } from './errors.ts'
import { UnparsableLine } from './ndjson.ts'
import { checkPropertyBounds } from './property-bounds.ts'
import { parseInstant } from './time.ts'

export type ParseResult =
  | { readonly ok: true; readonly event: ParsedEvent }
  | { readonly ok: false; readonly event_id?: string; readonly errors: readonly EventError[] }

type Fields = Readonly<Record<string, unknown>>

const absent = (value: unknown): value is null | undefined => value === undefined || value === null

/**
 * One event as sent → canonical event, or every reason why not. Never throws, whatever `raw` is; unknown envelope
 * fields are ignored, unknown properties kept. `raw` is not changed, but `event.properties` may be the same object.
 */
export function parseEvent(raw: unknown): ParseResult {
  if (raw instanceof UnparsableLine) return { ok: false, errors: [eventError('', 'invalid_json')] }
  if (!isObject(raw)) return { ok: false, errors: [eventError('', 'invalid_event')] }
  const errors: EventError[] = []
  const eventId = requireId(raw, 'event_id', eventIdPattern, errors)
  const userId = requireId(raw, 'user_id', userIdPattern, errors)
  const occurredAt = requireTime(raw, errors)
  const sessionId = absent(raw.session_id) ? null : requireId(raw, 'session_id', userIdPattern, errors)
  const source = readSource(raw.source, errors)
  const properties = readProperties(raw.properties, errors)
  const definition = requireType(raw, errors)
  if (definition && properties) checkProperties(definition.properties, properties, errors)
  if (
    errors.length > 0 ||
    eventId === undefined ||
    userId === undefined ||
    occurredAt === undefined ||
    sessionId === undefined ||
    source === undefined ||
    properties === undefined ||
    definition === undefined
  ) {
    return eventId === undefined ? { ok: false, errors } : { ok: false, event_id: eventId, errors }
  }
  return {
    ok: true,
    event: {
      event_id: eventId,
      type: definition.type,
      occurred_at: occurredAt,
      user_id: userId,
      session_id: sessionId,
      source,
      properties,
      subject_id: subjectOf(definition.subject, properties),
      is_action: definition.actor(properties) === 'member',
    },
  }
}

export function subjectOf(subject: string | undefined, properties: Fields): string | null {
  const value = subject === undefined ? undefined : properties[subject]
  return typeof value === 'string' ? value : null
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function requireId(raw: Fields, field: string, pattern: RegExp, errors: EventError[]): string | undefined {
  const value = raw[field]
  if (absent(value)) errors.push(eventError(field, 'missing_field'))
  else if (typeof value !== 'string' || !pattern.test(value)) errors.push(eventError(field, 'invalid_id'))
  else if (field !== 'event_id' && isReservedId(value)) errors.push(eventError(field, 'reserved_id'))
  else return value
  return undefined
}

function requireTime(raw: Fields, errors: EventError[]): string | undefined {
  if (absent(raw.occurred_at)) {
    errors.push(eventError('occurred_at', 'missing_field'))
    return undefined
  }
  const instant = parseInstant(raw.occurred_at)
  if (instant !== null) return canonicalTime(raw.occurred_at, instant)
  errors.push(eventError('occurred_at', 'invalid_time'))
  return undefined
}

/** Most senders already send the canonical form; cutting it out is cheaper than formatting the instant. */
function canonicalTime(sent: unknown, instant: number): string {
  if (typeof sent === 'string' && sent.charAt(10) === 'T' && sent.endsWith('Z')) {
    if (sent.length === 24) return sent
    if (sent.length === 20) return `${sent.slice(0, 19)}.000Z`
  }
  return new Date(instant).toISOString()
}

function readSource(value: unknown, errors: EventError[]): string | null | undefined {
  if (absent(value)) return null
  if (typeof value === 'string' && value.length <= eventLimits.sourceLength && !/[\p{C}]/u.test(value)) return value
  errors.push(eventError('source', 'invalid_source'))
  return undefined
}

function requireType(raw: Fields, errors: EventError[]) {
  if (absent(raw.type)) {
    errors.push(eventError('type', 'missing_field'))
    return undefined
  }
  const definition = typeof raw.type === 'string' ? findEventType(raw.type) : undefined
  if (definition === undefined) errors.push(eventError('type', 'unknown_type'))
  return definition
}

function readProperties(value: unknown, errors: EventError[]): Record<string, unknown> | undefined {
  if (absent(value)) return {}
  if (!isObject(value)) {
    errors.push(eventError('properties', 'invalid_properties'))
    return undefined
  }
  const bound = checkPropertyBounds(value)
  if (bound === null) return value
  errors.push(eventError('properties', bound))
  return undefined
}

/** Schemas only check (no transforms, no defaults), so the properties are kept as sent, extra ones included. */
function checkProperties(schema: z.ZodObject, properties: Fields, errors: EventError[]): void {
  const result = schema.safeParse(properties)
  if (result.success) return
  for (const issue of result.error.issues) {
    const code: EventErrorCode = isMissing(properties, issue.path) ? 'missing_property' : 'invalid_property'
    const field = ['properties', ...issue.path].join('.')
    errors.push(eventError(field, code, code === 'invalid_property' ? `${issue.message}.` : undefined))
  }
}

function isMissing(properties: unknown, path: readonly PropertyKey[]): boolean {
  let value: unknown = properties
  for (const key of path) value = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
  return value === undefined
}
