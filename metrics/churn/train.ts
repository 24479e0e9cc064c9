import { type Evaluation, evaluate } from './evaluate.ts'
import { HORIZON_DAYS, type MemberFacts, vectorOf } from './features.ts'
import { fitLogistic, linear, type Prior, sigmoid } from './logistic.ts'
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
/** The weight of a snapshot halves with every this many days before the latest: members and products change. */
const HALF_LIFE_DAYS = 180
/** The latest snapshots with at least so many members together tell how many churn: fewer would be mostly chance. */
const LEAST_CALIBRATING = 500
/** How far the log odds are easily moved to what the latest snapshots observed. */
const OFFSET_SD = 0.5
/** How much of a change of the mean prediction since the latest snapshot is taken back, towards what was observed then. */
const DAMPING = 0.5

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

/**
 * How much each observation counts. Snapshots closer than 30 days share most of an outcome, so each counts by the part that
 * is its own; and the older, the less.
 */
function weightsOf(observations: readonly Observation[]): number[] {
  const days = [...new Set(observations.map(({ day }) => dayNumber(day)))].sort((a, b) => a - b)
  const latest = days.at(-1) ?? 0
  const steps = days.slice(1).map((day, i) => day - (days[i] ?? day))
  const own = Math.min(1, Math.min(HORIZON_DAYS, ...steps) / HORIZON_DAYS)
  return observations.map(({ day }) => own * 0.5 ** ((latest - dayNumber(day)) / HALF_LIFE_DAYS))
}

const meanProbability = (logOdds: readonly number[], offset: number): number =>
  logOdds.reduce((sum, z) => sum + sigmoid(z + offset), 0) / logOdds.length

/** The offset at which the mean probability is `target`, by bisection. */
function offsetFor(logOdds: readonly number[], target: number): number {
  let low = -10
  let high = 10
  for (let i = 0; i < 60; i += 1) {
    const middle = (low + high) / 2
    if (meanProbability(logOdds, middle) < target) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/** The latest snapshots, as many as it takes. */
function latestOf(observations: readonly Observation[]): Observation[] {
  const latest: Observation[] = []
  const days = [...new Set(observations.map(({ day }) => day))].sort().reverse()
  for (const day of days) {
    if (latest.length >= LEAST_CALIBRATING) break
    latest.push(...observations.filter((observation) => observation.day === day))
  }
  return latest
}

/**
 * What is added to the log odds: brings the mean of the latest snapshots to what was observed, and, for the members who are to
 * be scored now, takes back half of what has changed of the mean prediction since. Outcomes drift: older snapshots tell who
 * is at risk, the latest how many.
 */
function offsetOf(
  coefficients: readonly number[],
  observations: readonly Observation[],
  current: readonly MemberFacts[],
): number {
  const latest = latestOf(observations)
  const labels = latest.map(({ churned }) => churned)
  const logOdds = latest.map(({ facts }) => linear(coefficients, vectorOf(facts)))
  // One feature with no room to move holds the log odds; only the intercept is learnt.
  const [offset = 0] = fitLogistic(
    logOdds.map((z) => [z]),
    labels,
    { mean: [0, 1], sd: [OFFSET_SD, 1e-6] },
  )
  if (current.length === 0) return offset
  const now = current.map((facts) => linear(coefficients, vectorOf(facts)))
  const observed = (labels.filter(Boolean).length + 1) / (labels.length + 2)
  return offsetFor(now, (1 - DAMPING) * meanProbability(now, offset) + DAMPING * observed)
}

/**
 * Fits on all observations and calibrates on the latest. `current`: the members to be scored, as they are now; their outcome
 * is not known and not needed.
 */
export function fitModel(
  observations: readonly Observation[],
  current: readonly MemberFacts[] = [],
  prior: Prior = shippedPrior,
): ChurnModel {
  const rows = observations.map(({ facts }) => vectorOf(facts))
  const coefficients = fitLogistic(
    rows,
    observations.map(({ churned }) => churned),
    prior,
    weightsOf(observations),
  )
  const stayed = rows.filter((_, i) => observations[i]?.churned === false)
  return {
    coefficients,
    calibration: { offset: observations.length === 0 ? 0 : offsetOf(coefficients, observations, current), slope: 1 },
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
 * since the last action. The accepted model is then fitted again on everything, for the members to be scored now.
 * Deterministic.
 */
export function train(
  given: readonly Observation[],
  current: readonly MemberFacts[] = [],
  prior: Prior = shippedPrior,
): Training {
  const observations = [...given].sort((a, b) => (a.day + a.user_id < b.day + b.user_id ? -1 : 1))
  const { earlier, later } = splitByTime(observations, HOLDOUT_SHARE)
  if (!isEnough(earlier) || !isEnough(later))
    return {
      accepted: false,
      reason: `not enough history: training and holdout need ${LEAST_OF_EACH} members each who stayed and who left`,
    }
  const first = later[0]?.day
  const then = later.filter(({ day }) => day === first).map(({ facts }) => facts)
  const evaluation = evaluateModel(fitModel(earlier, then, prior), later)
  const model = fitModel(observations, current, prior)
  const own = evaluation.model.auc ?? 0
  const recency = evaluation.recency.auc ?? 1
  const numbers = `AUC ${own.toFixed(3)} against ${recency.toFixed(3)} of days since the last action`
  return own > recency
    ? { accepted: true, reason: `better than recency on the holdout: ${numbers}`, model, evaluation }
    : { accepted: false, reason: `not better than recency on the holdout: ${numbers}`, model, evaluation }
}
