import { HORIZON_DAYS, type MemberFacts, POPULATION_DAYS } from '../../metrics/churn/features.ts'
import type { Observation } from '../../metrics/churn/train.ts'
import { Random, seedOf } from '../../sources/simulator/random.ts'
import { createTwin, type Twin } from '../../sources/simulator/twin.ts'
import { type Activity, activityOf, dayText, factsAt } from './activity.ts'

const DAY_MS = 86_400_000
const DAYS = 365
const LAST_DAY = Date.parse('2026-06-30') / DAY_MS
/** Weekly snapshots whose 30 days are over, from when there is something to tell. */
const snapshotDays = Array.from({ length: 38 }, (_, k) => LAST_DAY - HORIZON_DAYS - 7 * k)

/** Everything but activity that a member's facts hold, at the end of a day. */
type Rest = (userId: string, day: number) => Partial<MemberFacts>

function observations(activity: Activity, rest: Rest): Observation[] {
  return snapshotDays.flatMap((day) =>
    [...activity].flatMap(([user_id, days]) => {
      const facts = factsAt(days, day)
      if (facts === undefined || facts.days_since >= POPULATION_DAYS) return []
      const churned = !days.some((own) => own > day && own <= day + HORIZON_DAYS)
      return [{ user_id, day: dayText(day), facts: { ...facts, ...rest(user_id, day) }, churned }]
    }),
  )
}

/**
 * Members of the synthetic twin (in UTC): half of them fall silent after three to five weeks with fewer checks, unanswered
 * messages or ignored nudges. The same facts that db/churn/features.sql counts, by plain loops.
 */
export function twinObservations(seed: number): { twin: Twin; observations: Observation[] } {
  const endDate = dayText(LAST_DAY)
  const twin = createTwin({ seed, members: 300, coaches: 6, days: DAYS, endDate, timezone: 'UTC', churn: 0.5 })
  const activity = activityOf(
    twin.truth.activity.flatMap(({ user_id, days }) => days.map((day) => [user_id, Date.parse(day) / DAY_MS] as const)),
  )
  const checks = grouped(
    twin.events.filter(({ type }) => type === 'habit_checked'),
    ({ user_id }) => user_id ?? '',
  )
  const messages = grouped(
    twin.events.filter(({ type, properties }) => type === 'message_sent' && properties?.sender !== 'ai'),
    ({ user_id }) => user_id ?? '',
  )
  const nudges = grouped(twin.truth.nudges, ({ user_id }) => user_id)
  return {
    twin,
    observations: observations(activity, (userId, day) => {
      const end = (day + 1) * DAY_MS
      const checked = (from: number, to: number): number =>
        new Set(
          (checks.get(userId) ?? []).flatMap(({ occurred_at, properties }) => {
            const on = Math.floor(Date.parse(occurred_at) / DAY_MS)
            return on > from && on <= to ? [`${on} ${properties?.habit_id}`] : []
          }),
        ).size
      const latest = (messages.get(userId) ?? []).filter(({ occurred_at }) => Date.parse(occurred_at) < end).at(-1)
      return {
        recent_checks: checked(day - 14, day),
        earlier_checks: checked(day - 42, day - 14),
        unanswered: latest?.properties?.sender === 'member' ? 1 : 0,
        ignored_nudges: (nudges.get(userId) ?? []).filter(
          ({ at, followed }) => !followed && at > end - 14 * DAY_MS && at <= end - DAY_MS,
        ).length,
      }
    }),
  }
}

/**
 * Members who come at random at a rate of their own and leave for good at random (Pareto/NBD: Schmittlein, Morrison, Colombo
 * 1987, Management Science 33(1)), `mean` days between two active days on average, `life` days until they leave; they join
 * all through the year.
 */
export function randomObservations(seed: number, mean: number, life: number): Observation[] {
  const actions: [string, number][] = []
  for (let m = 0; m < 300; m += 1) {
    const rng = new Random(seedOf(seed, 'random member', m))
    const exponential = (scale: number): number => -Math.log(1 - rng.next()) * scale
    // A rate of shape 1 around 1 / mean: many come rarely, few often.
    const rate = Math.max(0.005, exponential(1 / mean))
    const joined = LAST_DAY - DAYS + rng.next() * DAYS * 0.9
    const left = joined + exponential(life)
    for (let at = joined; at < Math.min(left, LAST_DAY + 1); at += exponential(1 / rate))
      actions.push([`random-${m}`, Math.floor(at)])
  }
  return observations(activityOf(actions), () => ({}))
}

function grouped<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const group = groups.get(key(item))
    if (group) group.push(item)
    else groups.set(key(item), [item])
  }
  return groups
}
