import type { SignUp } from './journal.ts'
import { dayText, type LocalDay, mondayOf, monthName, parseDay, weekName } from './zone.ts'

/** `retained` of the cohort's `size`; `complete` when the cell is over for every member the cohort can have. */
type TruthCell = { readonly n: number; readonly retained: number; readonly complete: boolean }

export type TruthCohort = {
  /** `2026-W14` or `2026-04`. */
  readonly cohort: string
  readonly first_day: string
  readonly last_day: string
  readonly members: readonly string[]
  readonly size: number
  /** Active on local day signup + n, n = 1, 7, 30. */
  readonly days: readonly TruthCell[]
  /** Active on any of the local days signup + 7n … 7n + 6, from n = 0 to the end of the twin. */
  readonly weeks: readonly TruthCell[]
}

type Activity = ReadonlyMap<string, ReadonlySet<LocalDay>>

/** Cohorts with at least one member, oldest first. */
export function cohortTruth(
  signUps: readonly SignUp[],
  active: Activity,
  lastDay: LocalDay,
  by: 'week' | 'month',
): TruthCohort[] {
  const groups = new Map<LocalDay, SignUp[]>()
  for (const signUp of signUps) {
    const first = by === 'week' ? mondayOf(signUp.day) : parseDay(`${monthName(signUp.day)}-01`)
    groups.set(first, [...(groups.get(first) ?? []), signUp])
  }
  return [...groups]
    .sort(([a], [b]) => a - b)
    .map(([first, members]) => {
      const last = by === 'week' ? first + 6 : lastOfMonth(first)
      const cell = (n: number, from: number, to: number): TruthCell => ({
        n,
        retained: members.filter(({ user_id, day }) => isActive(active.get(user_id), day + from, day + to)).length,
        complete: last + to <= lastDay,
      })
      const weeks: TruthCell[] = []
      for (let n = 0; first + 7 * n <= lastDay; n++) weeks.push(cell(n, 7 * n, 7 * n + 6))
      return {
        cohort: by === 'week' ? weekName(first) : monthName(first),
        first_day: dayText(first),
        last_day: dayText(last),
        members: members.map((m) => m.user_id),
        size: members.length,
        days: [1, 7, 30].map((n) => cell(n, n, n)),
        weeks,
      }
    })
}

function isActive(days: ReadonlySet<LocalDay> | undefined, from: LocalDay, to: LocalDay): boolean {
  for (let day = from; day <= to; day++) if (days?.has(day)) return true
  return false
}

function lastOfMonth(first: LocalDay): LocalDay {
  let day = first + 27
  while (monthName(day + 1) === monthName(first)) day += 1
  return day
}
