import { activeGoals } from './active-goals.ts'
import { activeMembers } from './active-members.ts'
import { activeMinutes } from './active-minutes.ts'
import { completedGoals } from './completed-goals.ts'
import { d1Retention } from './d1-retention.ts'
import { d7Retention } from './d7-retention.ts'
import { d30Retention } from './d30-retention.ts'
import { dau } from './dau.ts'
import { goalCompletionRate } from './goal-completion-rate.ts'
import { mau } from './mau.ts'
import type { Metric } from './metric.ts'
import { sessionsPerUser } from './sessions-per-user.ts'
import { stickiness } from './stickiness.ts'
import { wau } from './wau.ts'
import { weekNRetention } from './week-n-retention.ts'

/** Every metric of the platform; a metric that is not listed here does not exist. */
export const metrics: readonly Metric[] = [
  activeMembers,
  dau,
  wau,
  mau,
  stickiness,
  activeMinutes,
  sessionsPerUser,
  activeGoals,
  completedGoals,
  goalCompletionRate,
  d1Retention,
  d7Retention,
  d30Retention,
  weekNRetention,
]

const byName = new Map(metrics.map((metric) => [metric.name, metric]))

export const findMetric = (name: string): Metric | undefined => byName.get(name)
