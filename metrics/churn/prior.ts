import type { Prior } from './logistic.ts'
import type { ChurnModel } from './model.ts'

/** Changes with the numbers below: stored with every score. */
export const PRIOR_NAME = 'prior-1'

/** The model that is shipped, in use until a tenant's own history is enough. */
export const priorModel: ChurnModel = {
  coefficients: [-1.6, 0.5, 0.5, -0.6, -0.4, -0.1, -0.2, 0.3, 0.25, 0.8],
  calibration: { offset: 0, slope: 1 },
  typical: [0.5, 0.7, 2.8, 0, 4.5, 0, 0, 0.2, 0],
}

/** How far a tenant's coefficients may easily move from the shipped ones. */
export const prior: Prior = {
  mean: priorModel.coefficients,
  sd: [1, ...priorModel.coefficients.slice(1).map(() => 0.4)],
}
