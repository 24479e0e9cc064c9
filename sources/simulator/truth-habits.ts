import { scheduleOn } from './habits.ts'
import type { World } from './journal.ts'
import { dayText, weekdayOf } from './zone.ts'

/** One habit on one local day on which it was running. */
export type TruthHabitDay = {
  readonly user_id: string
  readonly habit_id: string
  readonly day: string
  /** Position of the day in the twin. */
  readonly index: number
  /** 1 or 0 on a weekday schedule (0 when skipped); null for a times-per-week habit, which has no expected day. */
  readonly expected: 0 | 1 | null
  readonly times_per_week: number | null
  readonly done: 0 | 1
  readonly skipped: boolean
}

/** The schedule of a day is the one in force at its end; so the day of creation counts and the day of ending does not. */
export function habitTruth({ journal, firstDay, lastDay }: World): TruthHabitDay[] {
  const rows: TruthHabitDay[] = []
  for (const habit of journal.habits) {
    const first = habit.schedules[0]?.day ?? lastDay + 1
    for (let day = first; day <= lastDay; day++) {
      const schedule = scheduleOn(habit, day)
      if (schedule === null) continue
      const skipped = habit.skipped.has(day)
      const due = schedule.kind === 'weekdays' ? schedule.days.includes(weekdayOf(day)) && !skipped : null
      rows.push({
        user_id: habit.user_id,
        habit_id: habit.habit_id,
        day: dayText(day),
        index: day - firstDay,
        expected: due === null ? null : due ? 1 : 0,
        times_per_week: schedule.kind === 'times_per_week' ? schedule.times : null,
        done: habit.checked.has(day) ? 1 : 0,
        skipped,
      })
    }
  }
  return rows
}
