import { CholeskyDecomposition, Matrix } from 'ml-matrix'

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
  let beta = [...prior.mean]
  let best = objective(rows, labels, weights, prior, beta)
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const { gradient, hessian } = derivatives(rows, labels, weights, prior, beta)
    const direction = new CholeskyDecomposition(hessian).solve(gradient).getColumn(0)
    let scale = 1
    let next = beta.map((b, j) => b + (direction[j] ?? 0))
    let value = objective(rows, labels, weights, prior, next)
    while (value < best && scale > 1e-6) {
      scale /= 2
      next = beta.map((b, j) => b + scale * (direction[j] ?? 0))
      value = objective(rows, labels, weights, prior, next)
    }
    if (value < best) return beta
    const moved = Math.max(...direction.map((d) => Math.abs(scale * d)))
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

/** Gradient and negated Hessian of the objective; the latter is positive definite, thanks to the prior. */
function derivatives(
  rows: readonly (readonly number[])[],
  labels: readonly boolean[],
  weights: readonly number[],
  { mean, sd }: Prior,
  beta: readonly number[],
): { gradient: Matrix; hessian: Matrix } {
  const size = beta.length
  const gradient = Matrix.columnVector(beta.map((b, j) => ((mean[j] ?? 0) - b) / (sd[j] ?? 1) ** 2))
  const hessian = Matrix.diag(beta.map((_, j) => 1 / (sd[j] ?? 1) ** 2))
  const x = new Float64Array(size)
  x[0] = 1
  rows.forEach((row, i) => {
    for (let j = 1; j < size; j += 1) x[j] = row[j - 1] ?? 0
    const p = sigmoid(linear(beta, row))
    const error = (weights[i] ?? 0) * ((labels[i] ? 1 : 0) - p)
    const weight = (weights[i] ?? 0) * p * (1 - p)
    for (let j = 0; j < size; j += 1) {
      const xj = x[j] ?? 0
      gradient.set(j, 0, gradient.get(j, 0) + error * xj)
      for (let k = 0; k <= j; k += 1) hessian.set(j, k, hessian.get(j, k) + weight * xj * (x[k] ?? 0))
    }
  })
  // Multiplied in another order, the other triangle would differ in the last bit.
  for (let j = 0; j < size; j += 1) for (let k = 0; k < j; k += 1) hessian.set(k, j, hessian.get(j, k))
  return { gradient, hessian }
}
