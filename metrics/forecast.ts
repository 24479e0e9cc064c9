/** A forecast of a series some steps ahead, with the interval that holds the value with 80 % probability. */
export interface ForecastPoint {
  readonly value: number
  readonly low: number
  readonly high: number
}

const Z_80 = 1.2816
/** How fast a trend fades per step: growth is not carried on for ever. */
const DAMPING = 0.9
const GRID = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99]

type Fit = { level: number; trend: number; alpha: number; beta: number; squares: number }

/** One-step errors of Holt's damped trend; `beta` is alpha × beta* of the error-correction form. */
function smooth(series: readonly number[], alpha: number, beta: number): Fit {
  const [first = 0, second = first] = series
  let level = first
  let trend = second - first
  let squares = 0
  for (const value of series.slice(1)) {
    const error = value - (level + DAMPING * trend)
    level = level + DAMPING * trend + alpha * error
    trend = DAMPING * trend + beta * error
    squares += error * error
  }
  return { level, trend, alpha, beta, squares }
}

/**
 * Damped-trend exponential smoothing (ETS(A,Ad,N)) of a monthly series, fitted by least squares over a grid. Intervals are
 * its analytic variances (Hyndman, Koehler, Ord, Snyder 2008, table 6.1). Needs at least 3 values, else undefined.
 */
export function dampedForecast(series: readonly number[], steps: number): ForecastPoint[] | undefined {
  if (series.length < 3) return undefined
  let best: Fit | undefined
  for (const alpha of GRID)
    for (const share of GRID) {
      const fit = smooth(series, alpha, alpha * share)
      if (best === undefined || fit.squares < best.squares) best = fit
    }
  if (best === undefined) return undefined
  const { level, trend, alpha, beta, squares } = best
  const variance = squares / Math.max(1, series.length - 2)
  const points: ForecastPoint[] = []
  let damped = 0
  let spread = 1
  for (let step = 1; step <= steps; step += 1) {
    damped += DAMPING ** step
    const value = level + damped * trend
    const margin = Z_80 * Math.sqrt(variance * spread)
    points.push({ value, low: value - margin, high: value + margin })
    // c_j = alpha + beta (phi + … + phi^j); the variance of step h is sigma² (1 + Σ c_j²)
    spread += (alpha + beta * damped) ** 2
  }
  return points
}
