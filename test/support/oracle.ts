import { DateTime } from 'luxon'
import type { SentEvent } from './member-logs.ts'

/**
 * What the definitions say, worked out the slow and obvious way from the events as they were sent. It shares nothing with
 * the SQL: no ledger, no aggregate, no flag that makes distinct counts additive.
 */

export type Unit = 'hour' | 'day' | 'week' | 'month'

const MINUTE = 60_000

interface Action {
  readonly member: string
  readonly at: number
  readonly session: string
}

interface GoalChange {
  readonly at: number
  readonly change: 'opened' | 'completed' | 'abandoned'
  readonly wasOpen: boolean
  readonly isOpen: boolean
}

interface Session {
  readonly member: string
  readonly start: number
}

const isAction = (event: SentEvent): boolean =>
  event.type === 'message_sent'
    ? event.properties.sender === 'member'
    : !['profile_changed', 'nudge_sent'].includes(event.type)

const byTime = (a: { at: number }, b: { at: number }): number => a.at - b.at

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    groups.set(key, [...(groups.get(key) ?? []), item])
  }
  return groups
}

const distinct = (actions: readonly Action[]): number => new Set(actions.map((action) => action.member)).size

export class Oracle {
  readonly #zone: string
  readonly #events: readonly SentEvent[]
  readonly #actions: readonly Action[]
  // Calendar arithmetic is slow and asked for again and again.
  readonly #periods = new Map<string, string>()
  #activeDays: ReadonlySet<string> | undefined

  constructor(events: readonly SentEvent[], zone: string) {
    this.#zone = zone
    this.#events = events
    this.#actions = events
      .filter(isAction)
      .map((event) => ({ member: event.user_id, at: Date.parse(event.occurred_at), session: event.session_id ?? '' }))
      .sort(byTime)
  }

  #local(at: number): DateTime {
    return DateTime.fromMillis(at, { zone: this.#zone })
  }

  /** How the API names the period of an instant. */
  period(at: number, unit: Unit): string {
    const known = this.#periods.get(`${unit} ${at}`)
    if (known !== undefined) return known
    const start = unit === 'hour' ? this.#hourStart(at) : this.#local(at).startOf(unit)
    const name = (unit === 'hour' ? start.toISO({ suppressMilliseconds: true }) : start.toISODate()) ?? ''
    this.#periods.set(`${unit} ${at}`, name)
    return name
  }

  /** The first instant at which the wall clock showed this hour without having been changed since. */
  #hourStart(at: number): DateTime {
    const same = (a: DateTime, b: DateTime): boolean =>
      a.hour === b.hour && a.offset === b.offset && a.toMillis() <= b.toMillis()
    const here = this.#local(at)
    let start = this.#local(at - (at % MINUTE))
    while (start.minute > 0) {
      const earlier = this.#local(start.toMillis() - MINUTE)
      if (!same(earlier, here)) break
      start = earlier
    }
    return start
  }

  #day(at: number): string {
    return this.period(at, 'day')
  }

  #count<T extends { at: number }>(
    items: readonly T[],
    unit: Unit,
    measure: (items: T[]) => number,
  ): Map<string, number> {
    const groups = groupBy(items, (item) => this.period(item.at, unit))
    return new Map([...groups].map(([period, inIt]) => [period, measure(inIt)]))
  }

  /** Distinct members with an action in the period. */
  activeMembers(unit: Unit): Map<string, number> {
    return this.#count(this.#actions, unit, distinct)
  }

  /** Distinct members with an action on the `days` local days that end with `day` (ISO date). */
  activeInWindow(day: string, days: number): number {
    const last = DateTime.fromISO(day, { zone: 'utc' })
    const window = new Set(Array.from({ length: days }, (_, i) => last.minus({ days: i }).toISODate()))
    return distinct(this.#actions.filter((action) => window.has(this.#day(action.at))))
  }

  #runs(): Action[][] {
    const runs: Action[][] = []
    for (const actions of groupBy(this.#actions, (action) => `${action.member} ${action.session}`).values()) {
      let run: Action[] = []
      for (const action of actions) {
        const last = run.at(-1)
        if (last && action.at - last.at <= 30 * MINUTE) run.push(action)
        else {
          run = [action]
          runs.push(run)
        }
      }
    }
    return runs
  }

  /** Runs of actions without a gap of more than 30 minutes. */
  sessions(): Session[] {
    return this.#runs().flatMap((run) => (run[0] ? [{ member: run[0].member, start: run[0].at }] : []))
  }

  sessionsStarted(unit: Unit): Map<string, number> {
    return this.#count(
      this.sessions().map(({ start }) => ({ at: start })),
      unit,
      (sessions) => sessions.length,
    )
  }

  /** Sessions by `weekday hour` of the wall clock (1 = Monday). */
  heatmap(): Map<string, number> {
    const cells = new Map<string, number>()
    for (const { start } of this.sessions()) {
      const local = this.#local(start)
      const cell = `${local.weekday} ${local.hour}`
      cells.set(cell, (cells.get(cell) ?? 0) + 1)
    }
    return cells
  }

  /** Minutes of gaps of up to 5 minutes within a session; a gap belongs to the period it starts in. */
  activeMinutes(unit: Unit): Map<string, number> {
    const gaps: { at: number; length: number }[] = []
    for (const run of this.#runs())
      for (const [i, action] of run.entries()) {
        const next = run[i + 1]
        if (next && next.at - action.at <= 5 * MINUTE) gaps.push({ at: action.at, length: next.at - action.at })
      }
    return this.#count(gaps, unit, (inIt) => inIt.reduce((sum, gap) => sum + gap.length, 0) / MINUTE)
  }

  /** Real changes of state of every goal, in order of time; at one instant created comes first, then reopened. */
  #goalChanges(): GoalChange[] {
    const rank = (type: string): number => (type === 'goal_created' ? 0 : type === 'goal_reopened' ? 1 : 2)
    const changes: GoalChange[] = []
    const about = this.#events.filter((event) =>
      ['goal_created', 'goal_completed', 'goal_abandoned', 'goal_reopened'].includes(event.type),
    )
    for (const events of groupBy(about, (event) => `${event.user_id} ${event.properties.goal_id}`).values()) {
      let state: 'unknown' | 'open' | 'completed' | 'abandoned' = 'unknown'
      const ordered = [...events].sort(
        (a, b) =>
          Date.parse(a.occurred_at) - Date.parse(b.occurred_at) ||
          rank(a.type) - rank(b.type) ||
          (a.event_id < b.event_id ? -1 : 1),
      )
      for (const event of ordered) {
        const at = Date.parse(event.occurred_at)
        const wasOpen: boolean = state === 'open'
        if (event.type === 'goal_created' && state !== 'unknown') continue
        if (event.type === 'goal_created' || event.type === 'goal_reopened') {
          if (wasOpen) continue
          state = 'open'
          changes.push({ at, change: 'opened', wasOpen, isOpen: true })
          continue
        }
        // Whatever is completed or abandoned must have been open: a goal nobody saw opened was opened then.
        const end = event.type === 'goal_completed' ? 'completed' : 'abandoned'
        if (state === end || (state === 'completed' && end === 'abandoned')) continue
        if (!wasOpen) changes.push({ at, change: 'opened', wasOpen, isOpen: true })
        state = end
        changes.push({ at, change: end, wasOpen: true, isOpen: false })
      }
    }
    return changes.sort(byTime)
  }

  /** Completions, and goals that were open at the start of the period or opened in it. */
  goals(period: string, unit: Unit): { completed: number; active: number } {
    const changes = this.#goalChanges()
    const before = changes.filter((change) => this.period(change.at, unit) < period)
    const during = changes.filter((change) => this.period(change.at, unit) === period)
    const open = before.reduce((sum, { wasOpen, isOpen }) => sum + Number(isOpen) - Number(wasOpen), 0)
    const opened = during.filter(({ change }) => change === 'opened').length
    return { completed: during.filter(({ change }) => change === 'completed').length, active: open + opened }
  }

  /** Local day of the signed_up event, else of the first action, by member. */
  signups(): Map<string, string> {
    const days = new Map<string, string>()
    for (const action of this.#actions) if (!days.has(action.member)) days.set(action.member, this.#day(action.at))
    const explicit = this.#events.filter((event) => event.type === 'signed_up')
    for (const [member, events] of groupBy(explicit, (event) => event.user_id))
      days.set(member, this.#day(Math.min(...events.map((event) => Date.parse(event.occurred_at)))))
    return days
  }

  /** Members who signed up in the period, and how many of them were active on any of the days [first, last] after. */
  retention(period: string, unit: Unit, first: number, last = first): { size: number; retained: number } {
    this.#activeDays ??= new Set(this.#actions.map((action) => `${action.member} ${this.#day(action.at)}`))
    const active = this.#activeDays
    const cohort = [...this.signups()].filter(
      ([, day]) => DateTime.fromISO(day, { zone: 'utc' }).startOf(unit).toISODate() === period,
    )
    const retained = cohort.filter(([member, day]) => {
      const signup = DateTime.fromISO(day, { zone: 'utc' })
      return Array.from({ length: last - first + 1 }, (_, i) => signup.plus({ days: first + i }).toISODate()).some(
        (later) => active.has(`${member} ${later}`),
      )
    })
    return { size: cohort.length, retained: retained.length }
  }
}
