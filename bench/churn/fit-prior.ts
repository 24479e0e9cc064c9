import { writeFileSync } from 'node:fs'
import { features, vectorOf } from '../../metrics/churn/features.ts'
import { fitLogistic } from '../../metrics/churn/logistic.ts'
import { randomObservations, twinObservations } from './simulated.ts'

/**
 * What is assumed where the simulator says nothing: no effect, except that an open billing issue raises the odds (set by hand:
 * no simulated payment fails).
 */
const assumed = features.map(({ name }) => (name === 'billing_issue' ? 0.8 : 0))
/** Weekly snapshots of one member share three quarters of an outcome. */
const WEIGHT = 7 / 30

/** How far coefficients of one business are expected from none, and the least that they are let move from the mean. */
const SPREAD = 0.5
const LEAST_SD = 0.6

const rounded = (x: number): number => Math.round(x * 1000) / 1000 || 0
const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length

/**
 * The shipped prior: simulated businesses are fitted one by one, and a tenant is taken for one more of the kind. The mean over
 * the businesses is the prior's mean, their scatter its width.
 */
export function fittedPrior(): { coefficients: number[]; sd: number[]; typical: number[] } {
  const businesses = [
    ...[101, 102].map((seed) => twinObservations(seed).observations),
    randomObservations(201, 2, 120),
    randomObservations(202, 5, 200),
    randomObservations(203, 12, 300),
  ].map((observations) => {
    const rows = observations.map(({ facts }) => vectorOf(facts))
    const labels = observations.map(({ churned }) => churned)
    const flat = { mean: [0, ...assumed], sd: [2, ...assumed.map(() => SPREAD)] }
    return {
      rows,
      stayed: rows.filter((_, i) => !labels[i]),
      coefficients: fitLogistic(
        rows,
        labels,
        flat,
        rows.map(() => WEIGHT),
      ),
    }
  })
  // A business in which a feature never varies says nothing about it.
  const estimates = (j: number): number[] => {
    const telling = businesses.filter(({ rows }) => j === 0 || rows.some((row) => row[j - 1] !== rows[0]?.[j - 1]))
    return (telling.length > 0 ? telling : businesses).map(({ coefficients }) => coefficients[j] ?? 0)
  }
  const all = [0, ...features.map((_, j) => j + 1)]
  return {
    coefficients: all.map((j) => rounded(mean(estimates(j)))),
    sd: all.map((j) => {
      const own = estimates(j)
      return rounded(Math.max(j === 0 ? 2 : LEAST_SD, Math.sqrt(mean(own.map((x) => (x - mean(own)) ** 2)))))
    }),
    typical: features.map((_, j) =>
      rounded(mean(businesses.flatMap(({ stayed }) => stayed.map((row) => row[j] ?? 0)))),
    ),
  }
}

if (process.argv[1] === import.meta.filename) {
  const target = new URL('../../metrics/churn/prior.json', import.meta.url)
  writeFileSync(target, `${JSON.stringify(fittedPrior(), null, 2)}\n`)
}
