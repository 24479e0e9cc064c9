import { type FeatureGroup, features, type MemberFacts, vectorOf } from './features.ts'
import { linear, sigmoid } from './logistic.ts'

/** A fitted model: plain data, stored as JSON. */
export interface ChurnModel {
  /** Intercept first, then one per feature, in their order. */
  readonly coefficients: readonly number[]
  /** Brings log odds to what was observed later: offset + slope × log odds (Platt). */
  readonly calibration: { readonly offset: number; readonly slope: number }
  /** The features of a typical member who stayed: what reasons are measured against. */
  readonly typical: readonly number[]
}

/** Probability of no tracked action in the 30 local days after the facts' day. */
export function churnProbability(model: ChurnModel, facts: MemberFacts): number {
  const { offset, slope } = model.calibration
  return sigmoid(offset + slope * linear(model.coefficients, vectorOf(facts)))
}

/** How much each group of features raises (or lowers) the log odds against a typical member who stayed. */
export function contributions(model: ChurnModel, facts: MemberFacts): ReadonlyMap<FeatureGroup, number> {
  const found = new Map<FeatureGroup, number>()
  vectorOf(facts).forEach((x, j) => {
    const group = features[j]?.group
    if (group === undefined) return
    const weight = (model.coefficients[j + 1] ?? 0) * model.calibration.slope
    found.set(group, (found.get(group) ?? 0) + weight * (x - (model.typical[j] ?? 0)))
  })
  return found
}
