import type { Churn, GoalChange, World } from './journal.ts'
import { cohortTruth, type TruthCohort } from './truth-cohorts.ts'
import { emptyDay, type TruthDay } from './truth-day.ts'
import { habitTruth, type TruthHabitDay } from './truth-habits.ts'
import { dayText, type LocalDay, mondayOf, monthName, weekdayOf, weekName } from './zone.ts'

type Count = Exclude<keyof TruthDay, 'day'>

type TruthGoalChange = GoalChange & {
  readonly day: string
  readonly cohort_week: string
  readonly cohort_month: string
}

/** A coach's answer, and how long the first message of the run had waited. */
type TruthReply = {
  readonly user_id: string
  readonly coach_id: string
  readonly at: number
  readonly day: string
  readonly response_seconds: number
}

type TruthNudge = {
  readonly user_id: string
  readonly nudge_id: string
  readonly persona: string
  readonly at: number
  readonly day: string
  /** A session, habit check, goal progress or message in (at, at + 24 h]. */
  readonly followed: boolean
  readonly direct: boolean
  /** Its 24 hours lie wholly inside the twin. */
  readonly matured: boolean
}

export type Truth = {
  readonly days: readonly TruthDay[]
  /** The local days on which each member was active. */
  readonly activity: readonly { readonly user_id: string; readonly days: readonly string[] }[]
  readonly cohorts: { readonly week: readonly TruthCohort[]; readonly month: readonly TruthCohort[] }
  readonly goals: readonly TruthGoalChange[]
  readonly habit_days: readonly TruthHabitDay[]
  readonly replies: readonly TruthReply[]
  /** First message of the run that waits for a coach at the end of the twin. */
  readonly waiting: readonly { readonly user_id: string; readonly since: number }[]
  readonly nudges: readonly TruthNudge[]
  readonly ratings: readonly { readonly day: string; readonly persona: string; readonly rating: number }[]
  /** Sessions by local weekday (index 0 Monday) and local hour of their start. */
  readonly heatmap: readonly (readonly number[])[]
  readonly churned: readonly Churn[]
}

const hourMs = 3_600_000

/** Plain loops over what happened, by the definitions of metrics.md; shares no code with the platform. */
export function computeTruth(world: World): Truth {
  const { journal, zone, firstDay, lastDay, end } = world
  const days: TruthDay[] = []
  for (let day = firstDay; day <= lastDay; day++) days.push(emptyDay(dayText(day)))
  const add = (day: LocalDay, count: Count, amount = 1) => {
    const row = days[day - firstDay]
    if (row === undefined) throw new RangeError('The twin did something outside its days')
    row[count] += amount
  }
  const dayAt = (at: number): string => dayText(zone.dayOf(at))

  const active = new Map<string, Set<LocalDay>>(journal.signUps.map((s) => [s.user_id, new Set()]))
  const heatmap = Array.from({ length: 7 }, () => new Array<number>(24).fill(0))
  for (const session of journal.sessions) {
    session.instants.forEach((at, index) => {
      const day = zone.dayOf(at)
      add(day, 'actions')
      active.get(session.user_id)?.add(day)
      if (index === 0) {
        add(day, 'sessions')
        const row = heatmap[weekdayOf(day) - 1]
        const hour = Math.floor(zone.minuteOf(at) / 60)
        if (row) row[hour] = (row[hour] ?? 0) + 1
      }
      const next = session.instants[index + 1]
      if (next !== undefined && next - at <= 300_000) add(day, 'active_seconds', (next - at) / 1000)
    })
  }
  for (const row of days) row.active_seconds = Math.round(row.active_seconds * 1000) / 1000
  for (const activeDays of active.values()) {
    let last = Number.NEGATIVE_INFINITY
    for (let day = firstDay; day <= lastDay; day++) {
      if (activeDays.has(day)) last = day
      if (last === day) add(day, 'dau')
      if (day - last < 7) add(day, 'wau')
      if (day - last < 30) add(day, 'mau')
    }
  }

  const signUpDay = new Map(journal.signUps.map((s) => [s.user_id, s.day]))
  for (const { day } of journal.signUps) add(day, 'signups')
  const goals = [...journal.goals]
    .sort((a, b) => a.at - b.at)
    .map((change) => {
      const joined = signUpDay.get(change.user_id) ?? firstDay
      add(zone.dayOf(change.at), `goals_${change.change}`)
      return {
        ...change,
        day: dayAt(change.at),
        cohort_week: weekName(mondayOf(joined)),
        cohort_month: monthName(joined),
      }
    })
  let open = 0
  for (const row of days) {
    open += row.goals_created + row.goals_reopened - row.goals_completed - row.goals_abandoned
    row.goals_open = open
  }

  const habitDays = habitTruth(world)
  for (const habit of habitDays) {
    if (habit.expected === null) continue
    const row = days[habit.index]
    if (row === undefined) continue
    row.habits_expected += habit.expected
    row.habits_done += Math.min(habit.done, habit.expected)
  }

  const { replies, waiting } = replyTruth(world)
  for (const reply of replies) add(zone.dayOf(reply.at), 'replies')
  for (const message of journal.messages) if (message.sender === 'member') add(zone.dayOf(message.at), 'messages')

  const nudges = [...journal.nudges]
    .sort((a, b) => a.at - b.at)
    .map((nudge): TruthNudge => {
      const until = nudge.at + 24 * hourMs
      const followed = (journal.engagements.get(nudge.user_id) ?? []).some((at) => at > nudge.at && at <= until)
      const direct = nudge.openedAt !== null && nudge.openedAt > nudge.at && nudge.openedAt <= until
      add(zone.dayOf(nudge.at), 'nudges_sent')
      if (followed) add(zone.dayOf(nudge.at), 'nudges_followed')
      if (direct) add(zone.dayOf(nudge.at), 'nudges_direct')
      const { user_id, nudge_id, persona, at } = nudge
      return { user_id, nudge_id, persona, at, day: dayAt(at), followed, direct, matured: until <= end }
    })

  for (const { at } of journal.aiSessions) add(zone.dayOf(at), 'ai_sessions')
  for (const { at, rating } of journal.ratings) {
    add(zone.dayOf(at), 'ratings')
    add(zone.dayOf(at), 'rating_sum', rating)
  }
  for (const { at, score } of journal.moods) {
    add(zone.dayOf(at), 'moods')
    add(zone.dayOf(at), 'mood_sum', score)
  }
  for (const { at } of journal.tasks) add(zone.dayOf(at), 'tasks_completed')

  return {
    days,
    activity: [...active].map(([user_id, set]) => ({ user_id, days: [...set].sort((a, b) => a - b).map(dayText) })),
    cohorts: {
      week: cohortTruth(journal.signUps, active, lastDay, 'week'),
      month: cohortTruth(journal.signUps, active, lastDay, 'month'),
    },
    goals,
    habit_days: habitDays,
    replies,
    waiting,
    nudges,
    ratings: journal.ratings.map(({ at, persona, rating }) => ({ day: dayAt(at), persona, rating })),
    heatmap,
    churned: journal.churns,
  }
}

/** A run of member messages waits for a human; the AI does not stop the clock; a second coach message answers nothing. */
function replyTruth({ journal, zone }: World): Pick<Truth, 'replies' | 'waiting'> {
  const replies: TruthReply[] = []
  const since = new Map<string, number>()
  for (const message of [...journal.messages].sort((a, b) => a.at - b.at)) {
    const { user_id, coach_id, at } = message
    const start = since.get(user_id)
    if (message.sender === 'member' && start === undefined) since.set(user_id, at)
    if (message.sender === 'coach' && start !== undefined) {
      since.delete(user_id)
      replies.push({ user_id, coach_id, at, day: dayText(zone.dayOf(at)), response_seconds: (at - start) / 1000 })
    }
  }
  return { replies, waiting: [...since].map(([user_id, at]) => ({ user_id, since: at })) }
}
