import { createHash } from 'node:crypto'
import { eventIdPattern } from '../envelope.ts'
import { type EventNames, type Reading, translate } from '../named-events.ts'
import { parseInstant } from '../time.ts'

export interface SegmentReading {
  readonly names: EventNames
  /** Makes a pseudonym of an id that is an e-mail address; undefined leaves it, and the door refuses it. */
  readonly pseudonym: ((address: string) => string) | undefined
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * One payload of Segment or RudderStack → its events: `track` by name, `screen` and `page` as views. Batches are opened;
 * their `sentAt` and `receivedAt` apply to each item. Calls that are no event (identify, group, alias) are skipped.
 */
export function readSegmentPayload(payload: unknown, reading: SegmentReading): readonly Reading[] {
  if (!isObject(payload) || !Array.isArray(payload.batch)) return [readCall(payload, {}, reading)]
  const { batch, ...shared } = payload
  return batch.map((item) => readCall(item, shared, reading))
}

function readCall(call: unknown, shared: Record<string, unknown>, { names, pseudonym }: SegmentReading): Reading {
  if (!isObject(call)) return { event: call }
  // RevenueCat forwards without `type` and in snake case.
  const type = call.type ?? (typeof call.event === 'string' ? 'track' : undefined)
  if (typeof type === 'string' && ['identify', 'group', 'alias'].includes(type)) return { skipped: `${type} call` }
  const user = text(call.userId ?? call.user_id)
  const anonymous = text(call.anonymousId ?? call.anonymous_id)
  if (user?.startsWith('$RCAnonymousID:') || (user === undefined && anonymous !== undefined))
    return { skipped: 'anonymous device' }
  const properties = isObject(call.properties) ? call.properties : {}
  const named = nameOf(type, call)
  if (named === undefined) return { event: call }
  return translate(
    {
      id: idOf(call),
      name: named.name,
      at: instantOf({ ...shared, ...call }),
      user: user?.includes('@') && pseudonym ? pseudonym(user) : user,
      source: 'segment',
      properties: { ...properties, ...named.properties },
    },
    named.isView ? withViews(names, named.name) : names,
  )
}

const text = (value: unknown): string | undefined =>
  typeof value === 'number' || (typeof value === 'string' && value !== '') ? String(value) : undefined

function nameOf(type: unknown, call: Record<string, unknown>) {
  if (type === 'track' && typeof call.event === 'string') return { name: call.event, properties: {}, isView: false }
  if ((type === 'screen' || type === 'page') && typeof call.name === 'string' && call.name !== '')
    return { name: call.name, properties: { screen: call.name }, isView: true }
  return undefined
}

/** A view is a view, unless the mapping has a name for it. */
function withViews(names: EventNames, name: string): EventNames {
  return Object.hasOwn(names.events, name) ? names : { ...names, events: { ...names.events, [name]: 'screen_viewed' } }
}

/** The sender's own id, which every retry repeats; without one, equal payloads are one event. */
function idOf(call: Record<string, unknown>): string {
  const given = call.messageId ?? call.message_id
  if (typeof given === 'string' && eventIdPattern.test(given)) return given
  const content = given === undefined ? call : { messageId: given }
  return `sg_${createHash('sha256').update(JSON.stringify(content)).digest('base64url').slice(0, 40)}`
}

/** `timestamp` is corrected already; else Segment's own rule: receivedAt − (sentAt − originalTimestamp). */
function instantOf(call: Record<string, unknown>): string | undefined {
  const [timestamp, original, sent, received] = ['timestamp', 'originalTimestamp', 'sentAt', 'receivedAt'].map((name) =>
    readTime(call[name]),
  )
  const corrected =
    received !== undefined && sent !== undefined && original !== undefined ? received - (sent - original) : undefined
  const at = timestamp ?? corrected ?? original ?? sent ?? received
  return at === undefined ? undefined : new Date(at).toISOString()
}

/** ISO (UTC when it names no zone, as the libraries mean it), or seconds since 1970. */
function readTime(value: unknown): number | undefined {
  if (typeof value === 'number' && value > 0 && value < 253_402_300_799) return Math.round(value * 1000)
  if (typeof value !== 'string') return undefined
  return parseInstant(value) ?? parseInstant(`${value}Z`) ?? undefined
}
