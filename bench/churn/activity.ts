import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { parse } from 'csv-parse/sync'
import type { MemberFacts } from '../../metrics/churn/features.ts'

/** Each member's days with an action, in order; days since 1970-01-01, UTC. */
export type Activity = ReadonlyMap<string, readonly number[]>

const DAY_MS = 86_400_000
const userColumns = ['user_id', 'member_id', 'customer_id', 'user', 'id']
const timeColumns = ['ts', 'timestamp', 'occurred_at', 'time', 'date', 'at']

export const dayText = (day: number): string => new Date(day * DAY_MS).toISOString().slice(0, 10)

/**
 * A log of actions: CSV with a header line (gzip by its extension), one action a row: who (`user_id`, `customer_id`, …) and
 * when (`ts`, `timestamp`, `date`, …; ISO, UTC unless it has an offset). Rows without either are left out. Throws when it
 * finds no such column or no action.
 */
export function readActivity(path: string): Activity {
  const bytes = readFileSync(path)
  const rows = parse(path.endsWith('.gz') ? gunzipSync(bytes) : bytes, { columns: true, trim: true }) as Record<
    string,
    string
  >[]
  const names = Object.keys(rows[0] ?? {})
  const user = userColumns.find((name) => names.includes(name))
  const time = timeColumns.find((name) => names.includes(name))
  if (user === undefined || time === undefined)
    throw new Error(`${path} has no column for the member (${userColumns}) or the time (${timeColumns})`)
  const activity = activityOf(
    rows.flatMap((row) => {
      const at = dayOf(row[time] ?? '')
      return row[user] && at !== undefined ? [[row[user], at] as const] : []
    }),
  )
  if (activity.size === 0) throw new Error(`${path} holds no action`)
  return activity
}

function dayOf(text: string): number | undefined {
  const iso = text.replace(' ', 'T')
  const ms = Date.parse(/T/.test(iso) && !/(Z|[+-]\d\d:?\d\d)$/.test(iso) ? `${iso}Z` : iso)
  return Number.isNaN(ms) ? undefined : Math.floor(ms / DAY_MS)
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
export function factsAt(days: readonly number[], day: number): MemberFacts | undefined {
  const past = days.filter((own) => own <= day)
  const [first] = past
  const last = past.at(-1)
  if (first === undefined || last === undefined) return undefined
  return {
    days_since: day - last,
    active_days: past.length,
    active_span: last - first,
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
