import type { Prior } from './logistic.ts'
import type { ChurnModel } from './model.ts'
import fitted from './prior.json' with { type: 'json' }

/** Changes with the numbers of prior.json: stored with every score. */
export const PRIOR_NAME = 'prior-2'

/**
 * The model that is shipped, in use until a tenant's own history is enough. Fitted on simulated members by
 * `npm run churn:prior` (bench/churn/fit-prior.ts), which writes prior.json.
 */
export const priorModel: ChurnModel = {
  coefficients: fitted.coefficients,
  calibration: { offset: 0, slope: 1 },
  typical: fitted.typical,
}

/** How far a tenant's coefficients may easily move from the shipped ones; how many churn is each tenant's own. */
export const prior: Prior = { mean: fitted.coefficients, sd: fitted.sd }
