import { createHash } from 'node:crypto'
import { DateTime } from 'luxon'
import { type EventNames, type Reading, translate } from '../named-events.ts'

export interface MixpanelReading {
  readonly names: EventNames
  /**
   * IANA zone of the project, only for projects made before 2023: their exports hold the zone's wall clock as if it were
   * UTC. Undefined: times are UTC.
   */
  readonly projectTimezone: string | undefined
  /** Makes a pseudonym of an id that is an e-mail address; undefined leaves it, and the door refuses it. */
  readonly pseudonym: ((address: string) => string) | undefined
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * One line of Mixpanel's raw export → an event of ours. Its identity is the one Mixpanel documents for deduplication:
 * event, time, distinct_id and $insert_id together. Lines without $insert_id are told apart by their whole content.
 */
export function readMixpanelExport(line: unknown, reading: MixpanelReading): Reading {
  if (!isObject(line) || typeof line.event !== 'string' || !isObject(line.properties)) return { event: line }
  const { time, $insert_id: insertId, $device_id: _, distinct_id: distinctId, ...properties } = line.properties
  const user = text(properties.$user_id) ?? text(distinctId)
  // Who has not logged in yet is a device, not a member.
  if (user?.startsWith('$device:')) return { skipped: 'anonymous device' }
  const identity =
    insertId === undefined ? ['line', sorted(line)] : [line.event, time ?? null, distinctId ?? null, insertId]
  return translate(
    {
      id: `mp_${createHash('sha256').update(JSON.stringify(identity)).digest('base64url').slice(0, 40)}`,
      name: line.event,
      at: instantOf(time, reading.projectTimezone),
      user: user?.includes('@') && reading.pseudonym ? reading.pseudonym(user) : user,
      source: 'mixpanel',
      properties,
    },
    reading.names,
  )
}

const text = (value: unknown): string | undefined =>
  typeof value === 'number' || (typeof value === 'string' && value !== '') ? String(value) : undefined

/** Seconds below, milliseconds from here on: in seconds this is the year 5138. */
const MILLISECONDS_FROM = 1e11

function instantOf(time: unknown, projectTimezone: string | undefined): string | undefined {
  const given = typeof time === 'string' && /^\d{1,13}(\.\d+)?$/.test(time) ? Number(time) : time
  if (typeof given !== 'number' || !Number.isFinite(given) || given < 0 || given > 253_402_300_799_000) return undefined
  const wall = Math.round(given < MILLISECONDS_FROM ? given * 1000 : given)
  if (projectTimezone === undefined) return new Date(wall).toISOString()
  const at = DateTime.fromMillis(wall, { zone: 'utc' }).setZone(projectTimezone, { keepLocalTime: true })
  // In the hour that a clock change repeats, the first.
  const [first = at] = at.getPossibleOffsets()
  return new Date(first.toMillis()).toISOString()
}

const sorted = (value: unknown): unknown =>
  isObject(value)
    ? Object.fromEntries(
        Object.entries(value)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([key, inner]) => [key, sorted(inner)]),
      )
    : value
