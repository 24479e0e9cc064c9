import { calibrationError, type Evaluation, type Outcome } from '../../metrics/churn/evaluate.ts'
import { HORIZON_DAYS, LOOKBACK_DAYS, POPULATION_DAYS } from '../../metrics/churn/features.ts'
import { churnProbability } from '../../metrics/churn/model.ts'
import { evaluateModel, fitModel, type Observation } from '../../metrics/churn/train.ts'
import { type Activity, dayText, factsAt } from './activity.ts'

/** `seen`: everybody with an action before the cutoff. `active`: with one in the last 30 days, as scores are made. */
export type Population = 'seen' | 'active'

export interface Walk {
  readonly cutoffs: readonly Evaluation[]
  /** First and last day of the log, and the cutoffs that could not be judged, by why. */
  readonly log: { readonly from: string; readonly to: string }
  readonly leftOut: {
    /** No snapshot before it whose 30 days were over, or nobody to judge. */
    readonly tooEarly: number
    /** All or none fell silent: there is no AUC. */
    readonly oneClass: number
  }
  /** Cutoffs at which the model's AUC is above that of days since the last action; a tie is none. */
  readonly better: number
  /** Means over the cutoffs. */
  readonly auc: number
  readonly recencyAuc: number
  readonly brier: number
  readonly calibrationError: number
  /** Deciles of all tested observations together. */
  readonly pooledCalibrationError: number
  /** What the mean over the cutoffs would be of a model that knows every probability: deciles of few members scatter. */
  readonly chanceError: number
}

/** Longer logs are cut every four weeks, shorter ones every week. */
const SHORT_DAYS = 730
const LEARNT_DAYS = 730
/** First day of a log from which on a snapshot is learnt from. */
const WARM_UP_DAYS = 6

/**
 * Walks forward through a log: at each of the latest cutoffs (24 in steps of four weeks, in a log of at most two years 8 in
 * steps of a week) a model is fitted on snapshots whose 30 days are over, at most two years of them, and judged by the 30 days
 * to come. Cutoffs at which all or none fall silent have no AUC and are left out, and so are those before which there is
 * nothing to learn from; without any other, the means are NaN.
 */
export function walkForward(activity: Activity, population: Population): Walk {
  let first = Number.POSITIVE_INFINITY
  let last = Number.NEGATIVE_INFINITY
  for (const days of activity.values()) {
    first = Math.min(first, days[0] ?? first)
    last = Math.max(last, days.at(-1) ?? last)
  }
  const isShort = last - first <= SHORT_DAYS
  const step = isShort ? 7 : 28
  const snapshots = new Map<number, Observation[]>()
  const at = (day: number): Observation[] => {
    const known = snapshots.get(day) ?? snapshotOf(activity, population, day)
    snapshots.set(day, known)
    return known
  }
  const cutoffs: Evaluation[] = []
  const outcomes: Outcome[] = []
  const leftOut = { tooEarly: 0, oneClass: 0 }
  let chance = 0
  for (let k = (isShort ? 8 : 24) - 1; k >= 0; k -= 1) {
    const cutoff = last - HORIZON_DAYS - k * step
    const learnt: Observation[] = []
    for (
      let day = cutoff - HORIZON_DAYS;
      day >= first + WARM_UP_DAYS && day > cutoff - HORIZON_DAYS - LEARNT_DAYS;
      day -= step
    )
      learnt.push(...at(day))
    const judged = at(cutoff)
    if (learnt.length === 0 || judged.length === 0) {
      leftOut.tooEarly += 1
      continue
    }
    const model = fitModel(
      learnt,
      judged.map(({ facts }) => facts),
    )
    const evaluation = evaluateModel(model, judged)
    if (evaluation.model.auc === null) {
      leftOut.oneClass += 1
      continue
    }
    cutoffs.push(evaluation)
    const scored = judged.map(({ facts, churned }) => ({ score: churnProbability(model, facts), churned }))
    outcomes.push(...scored)
    chance += chanceErrorOf(evaluation)
  }
  const mean = (value: (one: Evaluation) => number | null): number =>
    cutoffs.reduce((sum, one) => sum + (value(one) ?? 0), 0) / cutoffs.length
  return {
    cutoffs,
    log: { from: dayText(first), to: dayText(last) },
    leftOut,
    better: cutoffs.filter(({ model, recency }) => (model.auc ?? 0) > (recency.auc ?? 1)).length,
    auc: mean(({ model }) => model.auc),
    recencyAuc: mean(({ recency }) => recency.auc),
    brier: mean(({ model }) => model.brier),
    calibrationError: mean(({ model }) => model.calibration_error),
    pooledCalibrationError: calibrationError(outcomes) ?? Number.NaN,
    chanceError: chance / cutoffs.length,
  }
}

function snapshotOf(activity: Activity, population: Population, day: number): Observation[] {
  const found: Observation[] = []
  for (const [user_id, days] of activity) {
    const facts = factsAt(days, day, population === 'active' ? LOOKBACK_DAYS : undefined)
    if (facts === undefined || (population === 'active' && facts.days_since >= POPULATION_DAYS)) continue
    const churned = !days.some((own) => own > day && own <= day + HORIZON_DAYS)
    found.push({ user_id, day: dayText(day), facts, churned })
  }
  return found
}

/** Expected |observed − p| of n members with probability p is about √(2 p (1 − p) / (π n)). */
function chanceErrorOf({ model, observations }: Evaluation): number {
  return model.deciles.reduce(
    (sum, { predicted, observations: n }) =>
      sum + (n / observations) * Math.sqrt((2 * predicted * (1 - predicted)) / (Math.PI * n)),
    0,
  )
}
