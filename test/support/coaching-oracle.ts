import { DateTime } from 'luxon'
import type { SentEvent } from './member-logs.ts'
import { Oracle, type Unit } from './oracle.ts'

/**
 * Habits, nudges and replies as their definitions say, worked out the slow and obvious way from the events as they were
 * sent. Shares nothing with the ledgers: no state is carried from day to day, everything is looked up again.
 */

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** What a nudge is meant to lead to. */
const qualifying = [
  'session_started',
  'habit_checked',
  'goal_created',
  'goal_progressed',
  'goal_completed',
  'message_sent',
]

interface Sum {
  readonly numerator: number
  readonly denominator: number
}
export interface HabitSums {
  members: number
  score: number
  streak: number
  expected: number
  done: number
}
interface Nudge {
  readonly member: string
  readonly at: number
  readonly persona: string
  readonly followed: boolean
  readonly direct: boolean
}
interface Run {
  readonly asked: number
  readonly replied: number | undefined
}
type Schedule = { kind: 'weekdays'; days: number[] } | { kind: 'times_per_week'; times: number }

const at = (event: SentEvent): number => Date.parse(event.occurred_at)
const inOrder = (a: SentEvent, b: SentEvent): number => at(a) - at(b) || (a.event_id < b.event_id ? -1 : 1)
const isBySystem = (event: SentEvent): boolean =>
  event.type === 'message_sent' ? event.properties.sender !== 'member' : event.type === 'nudge_sent'
const shift = (day: string, days: number): string =>
  DateTime.fromISO(day, { zone: 'utc' }).plus({ days }).toISODate() ?? ''

export class CoachingOracle {
  readonly #events: readonly SentEvent[]
  readonly #calendar: Oracle
  readonly #members: readonly string[]
  readonly #schedules = new Map<string, Schedule | null>()
  readonly #checks = new Map<string, { done: boolean; skipped: boolean }>()

  constructor(events: readonly SentEvent[], zone: string) {
    this.#events = [...events].sort(inOrder)
    this.#calendar = new Oracle(events, zone)
    this.#members = [...new Set(events.map((event) => event.user_id))]
    for (const event of this.#events) {
      if (event.type !== 'habit_checked' && event.type !== 'habit_skipped') continue
      const sentOn = this.#day(at(event))
      const named = event.properties.for_date as string | undefined
      const day = named !== undefined && named < sentOn ? named : sentOn
      const key = `${event.user_id} ${event.properties.habit_id} ${day}`
      const known = this.#checks.get(key) ?? { done: false, skipped: false }
      if (event.type === 'habit_checked') known.done = true
      else known.skipped = true
      this.#checks.set(key, known)
    }
  }

  #day(instant: number): string {
    return this.#calendar.period(instant, 'day')
  }

  #of(member: string, ...types: readonly string[]): SentEvent[] {
    return this.#events.filter((event) => event.user_id === member && types.includes(event.type))
  }

  // ── habits ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  #habits(member: string): string[] {
    const set = this.#of(member, 'habit_created', 'habit_changed', 'habit_ended')
    return [...new Set(set.map((event) => String(event.properties.habit_id)))]
  }

  /** What a habit expects on a day: the last that was set on or before it; null when nothing was, or it has ended. */
  #schedule(member: string, habit: string, day: string): Schedule | null {
    const key = `${member} ${habit} ${day}`
    const known = this.#schedules.get(key)
    if (known !== undefined) return known
    const last = this.#of(member, 'habit_created', 'habit_changed', 'habit_ended')
      .filter((event) => event.properties.habit_id === habit && this.#day(at(event)) <= day)
      .at(-1)
    const schedule = !last || last.type === 'habit_ended' ? null : (last.properties.schedule as Schedule)
    this.#schedules.set(key, schedule)
    return schedule
  }

  #habitDay(member: string, habit: string, day: string) {
    const schedule = this.#schedule(member, habit, day)
    if (schedule === null) return undefined
    const check = this.#checks.get(`${member} ${habit} ${day}`)
    const done = check?.done ?? false
    const skipped = (check?.skipped ?? false) && !done
    const weekday = DateTime.fromISO(day, { zone: 'utc' }).weekday
    const due = schedule.kind === 'weekdays' ? Number(schedule.days.includes(weekday)) : schedule.times / 7
    return { kind: schedule.kind, done, skipped, expected: skipped ? 0 : due }
  }

  /** The 7 days up to a day: what the habit expected, and how much of it was done, per kind of schedule. */
  #week(member: string, habit: string, day: string) {
    const week = Array.from({ length: 7 }, (_, i) => this.#habitDay(member, habit, shift(day, -i)))
    const weekdays = week.filter((one) => one?.kind === 'weekdays')
    const free = week.filter((one) => one?.kind === 'times_per_week')
    const total = (days: typeof week): number => days.reduce((sum, one) => sum + (one?.expected ?? 0), 0)
    const timesDone = free.filter((one) => one?.done && !one.skipped).length
    return {
      expected: total(week),
      kept: weekdays.filter((one) => one?.done && one.expected > 0).length + Math.min(timesDone, total(free)),
      metTarget: timesDone >= total(free) - 1e-9,
    }
  }

  /** Days up to this one, back to the first that was missed, that kept the habit going. All days are over. */
  #streak(member: string, habit: string, day: string, first: string): number {
    let streak = 0
    for (let d = day; d >= first; d = shift(d, -1)) {
      const one = this.#habitDay(member, habit, d)
      if (!one || one.skipped) continue
      if (one.kind === 'weekdays') {
        if (one.expected === 0) continue
        if (!one.done) return streak
      } else if (!this.#week(member, habit, d).metTarget) return streak
      streak += 1
    }
    return streak
  }

  /** The habit metrics of one local day: sums over the members whose last 7 days expected something. */
  habits(day: string, first: string): HabitSums {
    const sums = { members: 0, score: 0, streak: 0, expected: 0, done: 0 }
    for (const member of this.#members) {
      const running = this.#habits(member).filter((habit) => this.#schedule(member, habit, day) !== null)
      const weeks = running.map((habit) => this.#week(member, habit, day))
      const expected = weeks.reduce((sum, week) => sum + week.expected, 0)
      if (expected === 0) continue
      const done = weeks.reduce((sum, week) => sum + week.kept, 0)
      const streaks = running.map((habit) => this.#streak(member, habit, day, first))
      const streak = streaks.reduce((a, b) => a + b, 0) / streaks.length
      sums.members += 1
      sums.score += 100 * (0.8 * (done / expected) + 0.2 * (1 - 0.5 ** (streak / 7)))
      sums.streak += streak
      sums.expected += expected
      sums.done += done
    }
    return sums
  }

  // ── nudges ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Instants at which a member did what a nudge is meant to lead to. */
  #actions(member: string): number[] {
    return this.#of(member, ...qualifying)
      .filter((event) => !isBySystem(event))
      .map(at)
  }

  nudges(): Nudge[] {
    return this.#members.flatMap((member) => {
      const sent = this.#of(member, 'nudge_sent')
      const ids = [...new Set(sent.map((event) => event.properties.nudge_id))]
      return ids.flatMap((id) => {
        const first = sent.find((event) => event.properties.nudge_id === id)
        if (!first) return []
        const within = (instant: number): boolean => instant > at(first) && instant <= at(first) + DAY
        const used = this.#of(member, 'nudge_opened', 'nudge_acted').filter((event) => event.properties.nudge_id === id)
        return [
          {
            member,
            at: at(first),
            persona: String(first.properties.persona),
            followed: this.#actions(member).some(within),
            direct: used.map(at).some(within),
          },
        ]
      })
    })
  }

  /** Share of nudges of which something holds, by the period they were delivered in. */
  nudgeShare(unit: Unit, holds: (nudge: Nudge) => boolean, persona?: string): Map<string, Sum> {
    const sums = new Map<string, Sum>()
    for (const nudge of this.nudges()) {
      if (persona !== undefined && nudge.persona !== persona) continue
      const period = this.#calendar.period(nudge.at, unit)
      const { numerator, denominator } = sums.get(period) ?? { numerator: 0, denominator: 0 }
      sums.set(period, { numerator: numerator + Number(holds(nudge)), denominator: denominator + 1 })
    }
    return sums
  }

  /** Of the members nudged in the 30 days before, without a nudge on the day or the day before: who acted on the day? */
  baseline(day: string): Sum {
    const nudges = this.nudges()
    const sum = { numerator: 0, denominator: 0 }
    for (const member of this.#members) {
      const nudged = new Set(nudges.filter((nudge) => nudge.member === member).map((nudge) => this.#day(nudge.at)))
      if (nudged.has(day) || nudged.has(shift(day, -1))) continue
      if (!Array.from({ length: 30 }, (_, i) => shift(day, -1 - i)).some((earlier) => nudged.has(earlier))) continue
      sum.denominator += 1
      if (this.#actions(member).some((instant) => this.#day(instant) === day)) sum.numerator += 1
    }
    return sum
  }

  // ── replies ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Runs of member messages, each from its first message to the first coach message that follows. */
  runs(): Run[] {
    return this.#members.flatMap((member) => {
      const messages = this.#of(member, 'message_sent').filter((event) => event.properties.sender !== 'ai')
      const conversations = [...new Set(messages.map((event) => event.properties.conversation_id))]
      return conversations.flatMap((conversation) => {
        const own = messages.filter((event) => event.properties.conversation_id === conversation)
        const asked = own.filter((event) => event.properties.sender === 'member').map(at)
        const answers = own.filter((event) => event.properties.sender === 'coach').map(at)
        // of equal instants the question comes first
        const first = asked.filter((instant, i) => {
          const before = asked.slice(0, i).at(-1)
          return before === undefined || answers.some((answer) => answer >= before && answer < instant)
        })
        return first.map((instant) => ({
          asked: instant,
          replied: answers.find((answer) => answer >= instant),
        }))
      })
    })
  }

  /** Response times in seconds by the period of the reply, ascending. */
  responses(unit: Unit): Map<string, number[]> {
    const times = new Map<string, number[]>()
    for (const { asked, replied } of this.runs()) {
      if (replied === undefined) continue
      const period = this.#calendar.period(replied, unit)
      times.set(
        period,
        [...(times.get(period) ?? []), (replied - asked) / 1_000].sort((a, b) => a - b),
      )
    }
    return times
  }

  /** Runs that have waited longer than the SLA at the end of a local day. */
  unanswered(day: string, slaHours = 24): number {
    return this.runs().filter(({ asked, replied }) => {
      const late = asked + slaHours * HOUR
      if (replied !== undefined && replied <= late) return false
      return this.#day(late) <= day && (replied === undefined || this.#day(replied) > day)
    }).length
  }

  waiting(): number {
    return this.runs().filter(({ replied }) => replied === undefined).length
  }
}
