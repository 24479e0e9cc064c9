import { type Evaluation, evaluate } from './evaluate.ts'
import { HORIZON_DAYS, type MemberFacts, vectorOf } from './features.ts'
import { fitLogistic, linear, type Prior } from './logistic.ts'
import { type ChurnModel, churnProbability } from './model.ts'
import { prior as shippedPrior } from './prior.ts'

/** A member on a local day (YYYY-MM-DD) whose next 30 days are known. */
export interface Observation {
  readonly user_id: string
  readonly day: string
  readonly facts: MemberFacts
  readonly churned: boolean
}

/** Below this the shipped prior is used alone. */
export const LEAST_MEMBERS = 200
export const LEAST_HISTORY_DAYS = 60
/** Of each outcome, in training and in the holdout: fewer say nothing. */
const LEAST_OF_EACH = 20
/** The latest quarter of the days is the holdout. */
const HOLDOUT_SHARE = 1 / 4
/** The later third of the training days calibrates. */
const CALIBRATION_SHARE = 1 / 3
/** Towards no correction: offset 0, slope 1. */
const calibrationPrior: Prior = { mean: [0, 1], sd: [0.5, 0.25] }

export type Training =
  | { readonly accepted: true; readonly reason: string; readonly model: ChurnModel; readonly evaluation: Evaluation }
  | { readonly accepted: false; readonly reason: string; readonly model?: ChurnModel; readonly evaluation?: Evaluation }

const dayNumber = (day: string): number => Date.parse(`${day}T00:00:00Z`) / 86_400_000

/** Observations before and after a point in time, so that no outcome of the first reaches into the days of the second. */
export function splitByTime<T extends { readonly day: string }>(
  observations: readonly T[],
  laterShare: number,
): { earlier: T[]; later: T[] } {
  const days = [...new Set(observations.map(({ day }) => day))].sort()
  const first = days[Math.min(days.length - 1, Math.floor(days.length * (1 - laterShare)))]
  if (first === undefined) return { earlier: [], later: [] }
  return {
    earlier: observations.filter(({ day }) => dayNumber(day) + HORIZON_DAYS < dayNumber(first)),
    later: observations.filter(({ day }) => day >= first),
  }
}

const isEnough = (observations: readonly Observation[]): boolean => {
  const churned = observations.filter((observation) => observation.churned).length
  return churned >= LEAST_OF_EACH && observations.length - churned >= LEAST_OF_EACH
}

/** Fits and calibrates: the calibration is learnt on the later part, from a model of the earlier part. */
export function fitModel(observations: readonly Observation[], prior: Prior = shippedPrior): ChurnModel {
  const coefficientsOf = (part: readonly Observation[]): number[] =>
    fitLogistic(
      part.map(({ facts }) => vectorOf(facts)),
      part.map(({ churned }) => churned),
      prior,
    )
  const { earlier, later } = splitByTime(observations, CALIBRATION_SHARE)
  let calibration = { offset: 0, slope: 1 }
  if (isEnough(earlier) && isEnough(later)) {
    const before = coefficientsOf(earlier)
    const [offset = 0, slope = 1] = fitLogistic(
      later.map(({ facts }) => [linear(before, vectorOf(facts))]),
      later.map(({ churned }) => churned),
      calibrationPrior,
    )
    calibration = { offset, slope }
  }
  const stayed = observations.filter(({ churned }) => !churned).map(({ facts }) => vectorOf(facts))
  return {
    coefficients: coefficientsOf(observations),
    calibration,
    typical: prior.mean
      .slice(1)
      .map((_, j) => stayed.reduce((sum, row) => sum + (row[j] ?? 0), 0) / Math.max(1, stayed.length)),
  }
}

/** A model's numbers on observations whose outcome is known. */
export function evaluateModel(model: ChurnModel, observations: readonly Observation[]): Evaluation {
  return evaluate(
    observations.map(({ day, facts, churned }) => ({
      day,
      churned,
      days_since: facts.days_since,
      probability: churnProbability(model, facts),
    })),
  )
}

/**
 * Trains on a tenant's own history and decides whether the result may replace the model in use. The holdout is later than
 * everything that was learnt from, outcomes included; a model is accepted only if its AUC there is above that of days
 * since the last action. The accepted model is then fitted again on everything. Deterministic.
 */
export function train(given: readonly Observation[], prior: Prior = shippedPrior): Training {
  const observations = [...given].sort((a, b) => (a.day + a.user_id < b.day + b.user_id ? -1 : 1))
  const { earlier, later } = splitByTime(observations, HOLDOUT_SHARE)
  if (!isEnough(earlier) || !isEnough(later))
    return {
      accepted: false,
      reason: `not enough history: training and holdout need ${LEAST_OF_EACH} members each who stayed and who left`,
    }
  const evaluation = evaluateModel(fitModel(earlier, prior), later)
  const model = fitModel(observations, prior)
  const own = evaluation.model.auc ?? 0
  const recency = evaluation.recency.auc ?? 1
  const numbers = `AUC ${own.toFixed(3)} against ${recency.toFixed(3)} of days since the last action`
  return own > recency
    ? { accepted: true, reason: `better than recency on the holdout: ${numbers}`, model, evaluation }
    : { accepted: false, reason: `not better than recency on the holdout: ${numbers}`, model, evaluation }
}
