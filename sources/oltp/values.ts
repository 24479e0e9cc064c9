import { parseInstant } from '../time.ts'

/** What Debezium sends for a large value that did not change and is not in the log. Absent, not null. */
const UNAVAILABLE = '__debezium_unavailable_value'

export type Row = Readonly<Record<string, unknown>>

/** The value of a column; undefined: the row has no such column, or it is not known. */
export function columnOf(row: Row, name: string): unknown {
  if (!Object.hasOwn(row, name)) return undefined
  const value = row[name]
  const isUnavailable =
    value === UNAVAILABLE || (Array.isArray(value) && value.length > 0 && value.every((item) => item === UNAVAILABLE))
  return isUnavailable ? undefined : value
}

/** As text, the same for every encoding: 1 and "1", true and "t". Null for null and for what has no text. */
export function asText(value: unknown): string | null {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  if (typeof value === 'boolean') return value ? 'true' : 'false'
  return null
}

/** Numbers, numeric text and decoded decimals; null when it is none. */
export function asNumber(value: unknown, scale?: number): number | null {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  if (typeof value === 'object' && value !== null) return variableScale(value)
  if (typeof value !== 'string' || value.trim() === '') return null
  const text = scale === undefined ? value : decodeDecimal(value, scale)
  const number = Number(text)
  return Number.isFinite(number) ? number : null
}

/** `io.debezium.data.VariableScaleDecimal`: { scale, value: base64 }. */
function variableScale(value: object): number | null {
  const scale: unknown = Reflect.get(value, 'scale')
  const bytes: unknown = Reflect.get(value, 'value')
  return typeof scale === 'number' && typeof bytes === 'string' ? Number(decodeDecimal(bytes, scale)) : null
}

/** Connect's Decimal: big-endian two's complement in base64, and its scale → decimal text. */
export function decodeDecimal(base64: string, scale: number): string {
  const bytes = Buffer.from(base64, 'base64')
  const unsigned = bytes.length === 0 ? 0n : BigInt(`0x${bytes.toString('hex')}`)
  const value = BigInt.asIntN(bytes.length * 8, unsigned)
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, '0')
  const sign = value < 0n ? '-' : ''
  return scale === 0 ? `${sign}${digits}` : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

export function asBoolean(value: unknown): boolean | null {
  if (typeof value === 'boolean') return value
  if (value === 't' || value === 'true' || value === 1) return true
  if (value === 'f' || value === 'false' || value === 0) return false
  return null
}

const DAY_MS = 86_400_000
const DAYS_LIMIT = 1_000_000

/** A day: Debezium's days since 1970, ISO text, or an instant's UTC day. Null when it is none. */
export function asDate(value: unknown): string | null {
  if (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) < DAYS_LIMIT)
    return new Date(value * DAY_MS).toISOString().slice(0, 10)
  if (typeof value === 'string' && /^\d{4}-\d\d-\d\d$/.test(value)) return value
  return asInstant(value)?.slice(0, 10) ?? null
}

/**
 * An instant in milliseconds UTC, ISO text: RFC 3339, PostgreSQL's text form, or a count since 1970 in
 * days, seconds, milliseconds, microseconds or nanoseconds. The unit is told by the size: from 1973 to 4707 they do not
 * overlap, whatever time.precision.mode is. A timestamp without a zone is taken as UTC, as Debezium does.
 */
export function asInstant(value: unknown): string | null {
  if (typeof value === 'number' || typeof value === 'bigint' || (typeof value === 'string' && /^-?\d+$/.test(value)))
    return instantOfCount(BigInt(typeof value === 'number' ? Math.trunc(value) : value))
  if (typeof value !== 'string') return null
  const ms = parseInstant(rfc3339(value))
  return ms === null ? null : new Date(ms).toISOString()
}

function instantOfCount(count: bigint): string | null {
  const size = count < 0n ? -count : count
  let ms = count
  if (size < DAYS_LIMIT) ms = count * BigInt(DAY_MS)
  else if (size < 100_000_000_000n) ms = count * 1000n
  else if (size >= 100_000_000_000_000_000n) ms = count / 1_000_000n
  else if (size >= 100_000_000_000_000n) ms = count / 1000n
  const instant = Number(ms)
  return instant >= 0 && instant <= 253_402_300_799_999 ? new Date(instant).toISOString() : null
}

/** `2026-11-01 10:00:00.123456+00` → `2026-11-01T10:00:00.123456+00:00`. */
function rfc3339(text: string): string {
  const [, day, time, zone = 'Z'] =
    /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:\.\d+)?)(Z|[+-]\d\d(?::?\d\d)?)?$/i.exec(text) ?? []
  if (day === undefined || time === undefined) return text
  const [, sign, hours, minutes = '00'] = /^([+-])(\d\d):?(\d\d)?$/.exec(zone) ?? []
  return `${day}T${time}${sign === undefined ? 'Z' : `${sign}${hours}:${minutes}`}`
}

/** JSON that comes as text (io.debezium.data.Json), or as it is. */
export function asJson(value: unknown): unknown {
  if (typeof value !== 'string') return value
  try {
    return JSON.parse(value)
  } catch {
    return null
  }
}

/** A list: an array, JSON text, or PostgreSQL's `{1,3,5}`. */
function asList(value: unknown): unknown[] | null {
  if (Array.isArray(value)) return value
  if (typeof value !== 'string') return null
  if (/^\{.*\}$/s.test(value)) return value === '{}' ? [] : value.slice(1, -1).split(',')
  const parsed = asJson(value)
  return Array.isArray(parsed) ? parsed : null
}

const everyDay = [1, 2, 3, 4, 5, 6, 7]
const words: Readonly<Record<string, object>> = {
  daily: { kind: 'weekdays', days: everyDay },
  weekdays: { kind: 'weekdays', days: everyDay.slice(0, 5) },
  weekends: { kind: 'weekdays', days: everyDay.slice(5) },
  weekly: { kind: 'times_per_week', times: 1 },
}
const dayNames = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']

/** A habit's schedule of its columns; undefined when none of them says it. */
export function asSchedule(days: unknown, times: unknown, frequency: unknown): object | undefined {
  const list = asList(days)?.map(isoDay)
  if (list && list.length > 0) return { kind: 'weekdays', days: [...new Set(list)].sort() }
  const count = asNumber(times)
  if (count !== null) return { kind: 'times_per_week', times: count }
  return typeof frequency === 'string' ? words[frequency.toLowerCase()] : undefined
}

/** 1 Monday … 7 Sunday; 0 is Sunday as well, names by their first three letters. */
function isoDay(value: unknown): unknown {
  const number = asNumber(value)
  if (number !== null) return number === 0 ? 7 : number
  const named = typeof value === 'string' ? dayNames.indexOf(value.trim().toLowerCase().slice(0, 3)) : -1
  return named < 0 ? value : named + 1
}
