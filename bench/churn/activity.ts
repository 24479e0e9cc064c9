import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { parse } from 'csv-parse/sync'
import type { MemberFacts } from '../../metrics/churn/features.ts'

/** Each member's days with an action, in order; days since 1970-01-01, UTC. */
export type Activity = ReadonlyMap<string, readonly number[]>

/** A log as it was read, and what of it could not be. */
export interface Log {
  readonly activity: Activity
  /** Rows without a member or a time that can be read, and the first such time. */
  readonly leftOut: number
  readonly example: string
}

/** Thrown when a file holds no log that can be judged; the message says why and what to do. */
export class UnreadableLog extends Error {}

const DAY_MS = 86_400_000
const userColumns = [
  'user_id',
  'userid',
  'member_id',
  'customer_id',
  'customerid',
  'distinct_id',
  'visitorid',
  'user',
  'member',
  'customer',
  'author',
  'id',
]
const timeColumns = [
  'ts',
  'timestamp',
  'occurred_at',
  'event_time',
  'created_at',
  'datetime',
  'time',
  'date',
  'day',
  'at',
]
/** More than this share of rows left out is a misunderstanding, not dirt. */
const MOST_LEFT_OUT = 0.1
/** Later days are a mistake of whoever wrote them, and would move every cutoff. */
const LAST_DAY = Date.parse('2100-01-01') / DAY_MS

export const dayText = (day: number): string => new Date(day * DAY_MS).toISOString().slice(0, 10)

/** The actions of `readLog`. */
export const readActivity = (path: string): Activity => readLog(path).activity

/**
 * A log of actions: CSV with a header line (separated by commas, semicolons or tabs; gzip by its extension), one action a row:
 * who (`user_id`, `customer_id`, …) and when (`ts`, `timestamp`, `date`, …; see `dayOf`). Rows without either are left out.
 * Throws UnreadableLog when it finds no such column, or when more than a tenth of the rows is left out.
 */
export function readLog(path: string): Log {
  const [header = [], ...rows] = recordsOf(path)
  const names = header.map((name) => name.trim().toLowerCase())
  const indexOf = (wanted: readonly string[]): number =>
    names.indexOf(wanted.find((name) => names.includes(name)) ?? '')
  const [user, time] = [indexOf(userColumns), indexOf(timeColumns)]
  if (user < 0 || time < 0)
    throw new UnreadableLog(
      `no column for the ${user < 0 ? `member (${userColumns.join(', ')})` : `time (${timeColumns.join(', ')})`}; it has ${header.slice(0, 20).join(', ').slice(0, 200) || 'nothing'}`,
    )
  const left: string[] = []
  const actions = rows.flatMap((row) => {
    const [who = '', when = ''] = [row[user], row[time]]
    const day = dayOf(when)
    if (who !== '' && day !== undefined) return [[who, day] as const]
    left.push(when)
    return []
  })
  const log = { activity: activityOf(actions), leftOut: left.length, example: (left[0] ?? '').slice(0, 40) }
  if (rows.length === 0) throw new UnreadableLog('no action: there is nothing after the header line')
  if (left.length > MOST_LEFT_OUT * rows.length)
    throw new UnreadableLog(
      `${left.length} of ${rows.length} rows lack a member or a time that can be read, such as “${log.example}”: write times as 2024-03-01T08:30:00Z`,
    )
  return log
}

function recordsOf(path: string): string[][] {
  try {
    const bytes = readFileSync(path)
    const text = path.endsWith('.gz') ? gunzipSync(bytes) : bytes
    const [first = ''] = text.subarray(0, 10_000).toString().split('\n')
    const [delimiter = ','] = [',', ';', '\t'].sort((a, b) => first.split(b).length - first.split(a).length)
    return parse(text, {
      delimiter,
      bom: true,
      trim: true,
      relax_column_count: true,
      relax_quotes: true,
      skip_empty_lines: true,
    })
  } catch (error) {
    throw new UnreadableLog(`it cannot be read as CSV: ${error instanceof Error ? error.message : error}`)
  }
}

const ISO =
  /^(\d{4})[-/]?(\d\d)[-/]?(\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)\s*(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?)?$/i
const UNITS: Readonly<Record<number, number>> = { 10: 1e3, 13: 1, 16: 1e-3 }

/**
 * The UTC day of an ISO date or time (UTC unless it has an offset), of YYYYMMDD, or of Unix seconds, milli- or microseconds. undefined
 * for anything else: whether 3/4/2024 is in March or April is not for us to guess.
 */
function dayOf(text: string): number | undefined {
  const [, year, month, date, time = '00:00', zone = 'Z'] = ISO.exec(text) ?? []
  const offset = /^[+-]\d\d$/.test(zone)
    ? `${zone}:00`
    : zone.replace(/^(Z|UTC|GMT)$/i, 'Z').replace(/^(.\d\d)(\d\d)$/, '$1:$2')
  const unit = /^\d+(\.\d+)?$/.test(text) ? UNITS[text.split('.')[0]?.length ?? 0] : undefined
  const ms = year ? Date.parse(`${year}-${month}-${date}T${time}${offset}`) : unit ? Number(text) * unit : Number.NaN
  const day = Math.floor(ms / DAY_MS)
  // 1970-01-01 is a time that nobody set.
  return day > 0 && day < LAST_DAY ? day : undefined
}

export function activityOf(actions: Iterable<readonly [user: string, day: number]>): Activity {
  const days = new Map<string, Set<number>>()
  for (const [user, day] of actions) days.set(user, (days.get(user) ?? new Set()).add(day))
  return new Map([...days].map(([user, own]) => [user, [...own].sort((a, b) => a - b)]))
}

/**
 * What activity tells of a member at the end of a day, by plain loops: the same as db/churn/features.sql counts (a test
 * compares). Nothing after `day` is looked at. undefined: not seen yet.
 */
export function factsAt(
  days: readonly number[],
  day: number,
  lookback = Number.POSITIVE_INFINITY,
): MemberFacts | undefined {
  const past = days.filter((own) => own <= day)
  const [first] = past
  const last = past.at(-1)
  if (first === undefined || last === undefined) return undefined
  const known = past.filter((own) => own > day - lookback)
  return {
    days_since: day - last,
    active_days: known.length,
    active_span: last - (known[0] ?? last),
    recent_days: past.filter((own) => own > day - 14).length,
    earlier_days: past.filter((own) => own <= day - 14 && own > day - 42).length,
    tenure_days: day - first,
    recent_checks: 0,
    earlier_checks: 0,
    unanswered: 0,
    ignored_nudges: 0,
    billing_issue: false,
  }
}
