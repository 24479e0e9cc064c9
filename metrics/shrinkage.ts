import jstat from 'jstat'

/** Successes out of trials of one coach. */
export interface Tally {
  readonly successes: number
  readonly trials: number
}

export interface ShrunkRate {
  readonly rate: number
  /** 90 % credible interval. */
  readonly low: number
  readonly high: number
}

/** Beta prior: `mean` with the weight of `strength` trials. */
export interface Prior {
  readonly mean: number
  readonly strength: number
}

/** Bounds of the prior's weight: with few or alike coaches the moments say nothing useful. */
const MIN_STRENGTH = 2
const MAX_STRENGTH = 200

/**
 * The tenant's prior from its coaches, by the method of moments for the beta-binomial (Kleinman 1973: the variance of the
 * rates beyond what the binomial explains). `undefined` when nobody has trials.
 */
export function fitPrior(tallies: readonly Tally[]): Prior | undefined {
  const used = tallies.filter(({ trials }) => trials > 0)
  const trials = used.reduce((sum, tally) => sum + tally.trials, 0)
  if (trials === 0) return undefined
  const mean = used.reduce((sum, tally) => sum + tally.successes, 0) / trials
  const spread = mean * (1 - mean)
  const k = used.length
  if (k < 2 || spread === 0) return { mean, strength: MAX_STRENGTH }
  const s = used.reduce((sum, tally) => sum + tally.trials * (tally.successes / tally.trials - mean) ** 2, 0)
  const effective = trials - used.reduce((sum, tally) => sum + tally.trials ** 2, 0) / trials
  // E[S] = spread * ((k - 1)(1 - rho) + effective * rho)
  const rho = (s / spread - (k - 1)) / (effective - (k - 1))
  const strength = rho > 0 ? 1 / rho - 1 : MAX_STRENGTH
  return { mean, strength: Math.min(MAX_STRENGTH, Math.max(MIN_STRENGTH, strength)) }
}

/** The posterior mean and 90 % interval of one coach's rate under the tenant's prior. */
export function shrink({ successes, trials }: Tally, { mean, strength }: Prior): ShrunkRate {
  // A mean of exactly 0 or 1 has no beta distribution.
  const centre = Math.min(Math.max(mean, 1e-6), 1 - 1e-6)
  const alpha = centre * strength + successes
  const beta = (1 - centre) * strength + trials - successes
  return {
    rate: alpha / (alpha + beta),
    low: jstat.beta.inv(0.05, alpha, beta),
    high: jstat.beta.inv(0.95, alpha, beta),
  }
}
