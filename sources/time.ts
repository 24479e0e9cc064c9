const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/

/** What most senders write, of days that every month has: nothing is left to check, so `Date.parse` may read it. */
const canonical =
  /^(?:19[7-9]|[2-9]\d\d)\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/

const monthDays = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const

function daysInMonth(year: number, month: number): number {
  if (month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)) return 29
  return monthDays[month - 1] ?? 0
}

/**
 * RFC 3339 text with a zone → milliseconds since 1970 UTC, or null when it is not a real instant from 1970 on.
 * `Date.parse` alone will not do: it turns 2026-02-30 into 2 March and takes times without a zone as the server's.
 * Digits past the millisecond are cut off, not rounded, so that a time never moves into the next day.
 */
export function parseInstant(text: unknown): number | null {
  if (typeof text !== 'string' || text.length > 40) return null
  if (canonical.test(text)) return Date.parse(text)
  const m = rfc3339.exec(text)
  if (m === null) return null
  const year = Number(m[1])
  const month = Number(m[2])
  const day = Number(m[3])
  const hour = Number(m[4])
  const minute = Number(m[5])
  const second = Number(m[6])
  if (year < 1970 || day < 1 || day > daysInMonth(year, month)) return null
  if (hour > 23 || minute > 59 || second > 59) return null
  const fraction = m[7]
  const ms = fraction === undefined ? 0 : Number(fraction.padEnd(3, '0').slice(0, 3))
  let offset = 0
  if (m[8] !== undefined) {
    const offsetHour = Number(m[9])
    const offsetMinute = Number(m[10])
    if (offsetHour > 23 || offsetMinute > 59) return null
    offset = (m[8] === '-' ? -1 : 1) * (offsetHour * 60 + offsetMinute) * 60_000
  }
  const instant = Date.UTC(year, month - 1, day, hour, minute, second, ms) - offset
  // An offset can carry an instant out of the years 1970–9999, which the canonical text cannot express.
  return instant < 0 || instant > 253_402_300_799_999 ? null : instant
}
