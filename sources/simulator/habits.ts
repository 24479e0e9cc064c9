import type { Deed } from './goals.ts'
import type { HabitRecord, HabitSchedule } from './journal.ts'
import { type Member, suffers } from './member.ts'
import { dayText, type LocalDay, weekdayOf } from './zone.ts'

const schedules: readonly [HabitSchedule, ...HabitSchedule[]] = [
  { kind: 'weekdays', days: [1, 2, 3, 4, 5, 6, 7] },
  { kind: 'weekdays', days: [1, 2, 3, 4, 5] },
  { kind: 'weekdays', days: [1, 3, 5] },
  { kind: 'weekdays', days: [6, 7] },
  { kind: 'times_per_week', times: 3 },
  { kind: 'times_per_week', times: 5 },
]

/** The schedule in force at the end of a local day; null before the habit began and from the day it ended on. */
export function scheduleOn(habit: HabitRecord, day: LocalDay): HabitSchedule | null {
  if (habit.endedOn !== null && day >= habit.endedOn) return null
  return habit.schedules.findLast((entry) => entry.day <= day)?.schedule ?? null
}

/** The habits of one member: checks, skips, misses, late entries for yesterday, changed and ended schedules. */
export class Habits {
  private readonly member: Member
  private readonly habits: HabitRecord[] = []

  constructor(member: Member) {
    this.member = member
  }

  get running(): readonly string[] {
    return this.habits.filter((habit) => habit.endedOn === null).map((habit) => habit.habit_id)
  }

  create(): Deed {
    return (at) => {
      const { member } = this
      const schedule = member.rng.pick(schedules)
      const habit: HabitRecord = {
        user_id: member.userId,
        habit_id: `habit-${member.index + 1}-${this.habits.length + 1}`,
        schedules: [{ day: member.world.zone.dayOf(at), schedule }],
        endedOn: null,
        checked: new Set(),
        skipped: new Set(),
      }
      this.habits.push(habit)
      member.world.journal.habits.push(habit)
      member.diary.act(at, 'habit_created', { habit_id: habit.habit_id, schedule })
      return true
    }
  }

  /** What the member does about habits in a session of that day. */
  deeds(day: LocalDay): Deed[] {
    const { rng } = this.member
    const deeds: Deed[] = []
    if (this.running.length < 3 && rng.chance(0.008)) deeds.push(this.create())
    for (const habit of this.habits) {
      const schedule = scheduleOn(habit, day)
      if (schedule === null) continue
      if (rng.chance(0.002)) deeds.push(this.end(habit))
      else if (rng.chance(0.004)) deeds.push(this.reschedule(habit))
      else deeds.push(...this.keepUp(habit, schedule, day))
    }
    return deeds
  }

  private keepUp(habit: HabitRecord, schedule: HabitSchedule, day: LocalDay): Deed[] {
    const { rng } = this.member
    const will = suffers(this.member, day, 'fewer_checks') ? 0.25 : 0.88
    if (schedule.kind === 'times_per_week')
      return rng.chance((will * schedule.times) / 6) ? [this.check(habit, null)] : []
    const deeds: Deed[] = []
    const wasDue = scheduleOn(habit, day - 1)?.kind === 'weekdays' && schedule.days.includes(weekdayOf(day - 1))
    if (wasDue && !habit.checked.has(day - 1) && rng.chance(0.12)) deeds.push(this.check(habit, day - 1))
    if (!schedule.days.includes(weekdayOf(day))) return rng.chance(0.03) ? [...deeds, this.check(habit, null)] : deeds
    if (rng.chance(0.04)) return [...deeds, this.skip(habit)]
    if (rng.chance(will)) deeds.push(this.check(habit, null))
    // Some tap twice; the day still counts once.
    if (rng.chance(0.03)) deeds.push(this.check(habit, null))
    return deeds
  }

  /** `forDay` null: the local day of the event. A day that was skipped is not checked, and the other way round. */
  private check(habit: HabitRecord, forDay: LocalDay | null): Deed {
    return (at) => {
      const day = forDay ?? this.member.world.zone.dayOf(at)
      if (habit.skipped.has(day) || scheduleOn(habit, day) === null) return false
      habit.checked.add(day)
      const date = forDay === null ? {} : { for_date: dayText(forDay) }
      this.member.diary.act(at, 'habit_checked', { habit_id: habit.habit_id, ...date })
      return true
    }
  }

  private skip(habit: HabitRecord): Deed {
    return (at) => {
      const day = this.member.world.zone.dayOf(at)
      if (habit.checked.has(day) || scheduleOn(habit, day)?.kind !== 'weekdays') return false
      habit.skipped.add(day)
      this.member.diary.act(at, 'habit_skipped', { habit_id: habit.habit_id })
      return true
    }
  }

  private reschedule(habit: HabitRecord): Deed {
    return (at) => {
      const day = this.member.world.zone.dayOf(at)
      const schedule = this.member.rng.pick(schedules)
      // A day off or a check under the old schedule would mean something else under the new one.
      if (habit.skipped.has(day) || habit.endedOn !== null) return false
      habit.schedules.push({ day, schedule })
      this.member.diary.act(at, 'habit_changed', { habit_id: habit.habit_id, schedule })
      return true
    }
  }

  private end(habit: HabitRecord): Deed {
    return (at) => {
      const day = this.member.world.zone.dayOf(at)
      if (habit.endedOn !== null || habit.checked.has(day) || habit.skipped.has(day)) return false
      habit.endedOn = day
      this.member.diary.act(at, 'habit_ended', { habit_id: habit.habit_id })
      return true
    }
  }
}
