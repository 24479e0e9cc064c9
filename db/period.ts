import { LRUCache } from 'lru-cache'
import { DateTime } from 'luxon'
import type { Granularity } from '../metrics/metric.ts'

/** A range cut to whole periods of the tenant's calendar. */
export interface PeriodRange {
  readonly granularity: Granularity
  readonly timezone: string
  /** First instant, inclusive, and first instant after the range. */
  readonly fromAt: DateTime
  readonly toAt: DateTime
  /** The starts of all periods in the range, as the SQL's `t` names them (hour: UTC hour start; else local midnight). */
  readonly periods: readonly DateTime[]
}

export const MAX_POINTS = 2_000
export const MAX_MONTHS = 24

/** What is wrong with a requested range; `path` is the parameter to change. */
export class RangeError400 extends Error {
  readonly path: 'from' | 'to'
  constructor(path: 'from' | 'to', message: string) {
    super(message)
    this.path = path
  }
}

function parse(path: 'from' | 'to', text: string, zone: string): DateTime {
  // A date or a time without an offset is the tenant's; an instant with one is taken as it is.
  const at = DateTime.fromISO(text, { zone })
  if (!at.isValid) throw new RangeError400(path, 'is not a date (2026-04-01) or an instant (2026-04-01T08:00:00Z)')
  // Further out, sums of dates leave what PostgreSQL or ISO 8601's four digits can say.
  if (at.year < 1900 || at.year > 2999) throw new RangeError400(path, 'is not within the years 1900 to 2999')
  return at
}

const startOf = (at: DateTime, granularity: Granularity): DateTime => at.startOf(granularity)
/** An hour ends where the wall clock's next one begins, which is sooner after a change of the clock by half an hour. */
const next = (at: DateTime, granularity: Granularity): DateTime =>
  granularity === 'hour' ? at.plus({ minutes: 60 - at.minute }) : at.plus({ [granularity]: 1 })

/** Dashboards ask for the same ranges again and again, and calendars in time zones are slow: a day costs a tenth of a ms. */
const recent = new LRUCache<string, PeriodRange>({
  maxSize: 20_000,
  sizeCalculation: ({ periods }) => periods.length + 10,
})

/**
 * Cuts a requested range (`from` inclusive, `to` exclusive) outwards to whole periods in the tenant's zone; weeks begin on
 * Monday. Throws RangeError400 naming the limit when it is empty, longer than 24 months or has more than 2,000 points.
 */
export function periodRange(from: string, to: string, granularity: Granularity, timezone: string): PeriodRange {
  const key = JSON.stringify([from, to, granularity, timezone])
  const known = recent.get(key)
  if (known) return known
  const range = cutRange(from, to, granularity, timezone)
  recent.set(key, range)
  return range
}

function cutRange(from: string, to: string, granularity: Granularity, timezone: string): PeriodRange {
  const start = startOf(parse('from', from, timezone), granularity)
  const requestedEnd = parse('to', to, timezone)
  if (requestedEnd <= start) throw new RangeError400('to', 'must be after `from`')
  if (requestedEnd > start.plus({ months: MAX_MONTHS, days: granularity === 'hour' ? 0 : 31 }))
    throw new RangeError400('to', `must be at most ${MAX_MONTHS} months after \`from\``)
  const periods: DateTime[] = []
  let at = start
  while (at < requestedEnd) {
    if (periods.length === MAX_POINTS)
      throw new RangeError400(
        'to',
        `gives more than ${MAX_POINTS} points: shorten the range or choose a coarser granularity`,
      )
    periods.push(at)
    at = next(at, granularity)
  }
  return { granularity, timezone, fromAt: start, toAt: at, periods }
}

/** The same number of periods directly before. */
export function previousRange(range: PeriodRange): PeriodRange {
  const count = range.periods.length
  const start = range.fromAt.minus({ [range.granularity]: count })
  const periods = Array.from({ length: count }, (_, i) => start.plus({ [range.granularity]: i }))
  return { ...range, fromAt: start, toAt: range.fromAt, periods }
}

/**
 * How the SQL names a period: `2026-04-01 00:00:00`, for hours the UTC instant at which the wall clock would have shown the
 * whole hour (it began later where the clock was changed by half an hour), else the local midnight.
 */
export function periodKey(at: DateTime, granularity: Granularity): string {
  return (granularity === 'hour' ? at.minus({ minutes: at.minute }).toUTC() : at).toFormat('yyyy-MM-dd HH:mm:ss')
}

/** How the API names a period: an instant with the tenant's offset for hours, else the local date. */
export function periodLabel(at: DateTime, granularity: Granularity): string {
  const label = granularity === 'hour' ? at.toISO({ suppressMilliseconds: true }) : at.toISODate()
  if (label === null) throw new Error('not a valid period')
  return label
}

const names = new WeakMap<PeriodRange, { keys: readonly string[]; labels: readonly string[] }>()

/** Keys and labels of all periods of a range, made once. */
export function periodNames(range: PeriodRange): {
  readonly keys: readonly string[]
  readonly labels: readonly string[]
} {
  const known = names.get(range)
  if (known) return known
  const { periods, granularity } = range
  const made = {
    keys: periods.map((at) => periodKey(at, granularity)),
    labels: periods.map((at) => periodLabel(at, granularity)),
  }
  names.set(range, made)
  return made
}
