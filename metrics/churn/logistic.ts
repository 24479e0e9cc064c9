/** An independent normal prior on each coefficient; the first is the intercept's. */
export interface Prior {
  readonly mean: readonly number[]
  readonly sd: readonly number[]
}

const MAX_STEPS = 50
const TOLERANCE = 1e-10

export const sigmoid = (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)))

/** Intercept and coefficients applied to one row. */
export function linear(coefficients: readonly number[], row: readonly number[]): number {
  let sum = coefficients[0] ?? 0
  for (let j = 0; j < row.length; j += 1) sum += (coefficients[j + 1] ?? 0) * (row[j] ?? 0)
  return sum
}

/**
 * Logistic regression with a normal prior (ridge towards the prior's mean): the coefficients, intercept first, that
 * maximise Σ weight × log-likelihood − ½ Σ ((β − mean) / sd)² (weights: 1 unless given). Newton's method (iteratively reweighted least squares) with step
 * halving; the objective is strictly concave, so the result is unique and does not depend on the rows' order beyond
 * rounding. Throws when rows and labels do not match.
 */
export function fitLogistic(
  rows: readonly (readonly number[])[],
  labels: readonly boolean[],
  prior: Prior,
  weights: readonly number[] = rows.map(() => 1),
): number[] {
  if (rows.length !== labels.length || rows.length !== weights.length)
    throw new Error('every row needs a label and a weight')
  const size = prior.mean.length
  let beta = [...prior.mean]
  let best = objective(rows, labels, weights, prior, beta)
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const { gradient, hessian } = derivatives(rows, labels, weights, prior, beta)
    const direction = solve(hessian, gradient)
    let scale = 1
    let next = beta.map((b, j) => b + (direction[j] ?? 0))
    let value = objective(rows, labels, weights, prior, next)
    while (value < best && scale > 1e-6) {
      scale /= 2
      next = beta.map((b, j) => b + scale * (direction[j] ?? 0))
      value = objective(rows, labels, weights, prior, next)
    }
    if (value < best) return beta
    const moved = Math.max(...direction.slice(0, size).map((d) => Math.abs(scale * d)))
    beta = next
    best = value
    if (moved < TOLERANCE) return beta
  }
  return beta
}

function objective(
  rows: readonly (readonly number[])[],
  labels: readonly boolean[],
  weights: readonly number[],
  { mean, sd }: Prior,
  beta: readonly number[],
): number {
  let sum = 0
  rows.forEach((row, i) => {
    const z = linear(beta, row)
    // log σ(z) and log (1 − σ(z)) without overflow
    const positive = z > 0 ? -Math.log1p(Math.exp(-z)) : z - Math.log1p(Math.exp(z))
    sum += (weights[i] ?? 0) * (labels[i] ? positive : positive - z)
  })
  beta.forEach((b, j) => {
    sum -= ((b - (mean[j] ?? 0)) / (sd[j] ?? 1)) ** 2 / 2
  })
  return sum
}

function derivatives(
  rows: readonly (readonly number[])[],
  labels: readonly boolean[],
  weights: readonly number[],
  { mean, sd }: Prior,
  beta: readonly number[],
): { gradient: Float64Array; hessian: Float64Array[] } {
  const size = beta.length
  const gradient = new Float64Array(size)
  const hessian = Array.from({ length: size }, () => new Float64Array(size))
  const x = new Float64Array(size)
  x[0] = 1
  rows.forEach((row, i) => {
    for (let j = 1; j < size; j += 1) x[j] = row[j - 1] ?? 0
    const p = sigmoid(linear(beta, row))
    const error = (weights[i] ?? 0) * ((labels[i] ? 1 : 0) - p)
    const weight = (weights[i] ?? 0) * p * (1 - p)
    for (let j = 0; j < size; j += 1) {
      const xj = x[j] ?? 0
      gradient[j] = (gradient[j] ?? 0) + error * xj
      const line = hessian[j] ?? new Float64Array(0)
      for (let k = 0; k <= j; k += 1) line[k] = (line[k] ?? 0) + weight * xj * (x[k] ?? 0)
    }
  })
  for (let j = 0; j < size; j += 1) {
    const variance = (sd[j] ?? 1) ** 2
    gradient[j] = (gradient[j] ?? 0) - ((beta[j] ?? 0) - (mean[j] ?? 0)) / variance
    const line = hessian[j]
    if (line) line[j] = (line[j] ?? 0) + 1 / variance
  }
  return { gradient, hessian }
}

/** Solves A·x = b for a symmetric positive definite A given by its lower triangle (Cholesky). */
function solve(lower: readonly Float64Array[], b: Float64Array): number[] {
  const size = b.length
  const at = (j: number, k: number): number => lower[j]?.[k] ?? 0
  for (let j = 0; j < size; j += 1) {
    for (let k = 0; k <= j; k += 1) {
      let sum = at(j, k)
      for (let i = 0; i < k; i += 1) sum -= at(j, i) * at(k, i)
      const line = lower[j]
      if (line) line[k] = j === k ? Math.sqrt(sum) : sum / at(k, k)
    }
  }
  const y: number[] = []
  for (let j = 0; j < size; j += 1) {
    let sum = b[j] ?? 0
    for (let i = 0; i < j; i += 1) sum -= at(j, i) * (y[i] ?? 0)
    y.push(sum / at(j, j))
  }
  const x = new Array<number>(size).fill(0)
  for (let j = size - 1; j >= 0; j -= 1) {
    let sum = y[j] ?? 0
    for (let i = j + 1; i < size; i += 1) sum -= at(i, j) * (x[i] ?? 0)
    x[j] = sum / at(j, j)
  }
  return x
}
