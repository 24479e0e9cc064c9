import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { leaderboard } from '../../api/routes/analytics/coaches.ts'
import { fitPrior, shrink } from '../../metrics/shrinkage.ts'

/** P(X ≤ x) of a beta distribution by the midpoint rule: slow, plain, and shares nothing with the code under test. */
function betaCdf(x: number, alpha: number, beta: number): number {
  const steps = 40_000
  const log = (t: number): number => (alpha - 1) * Math.log(t) + (beta - 1) * Math.log(1 - t)
  const peak = log(Math.min(Math.max((alpha - 1) / (alpha + beta - 2), 1e-9), 1 - 1e-9))
  let below = 0
  let total = 0
  for (let i = 0; i < steps; i++) {
    const t = (i + 0.5) / steps
    const density = Math.exp(log(t) - peak)
    total += density
    if (t <= x) below += density
  }
  return below / total
}

describe('shrinkage towards the tenant’s mean', () => {
  test('the rate is the posterior mean and the interval holds 90 % of the posterior', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 60 }),
        fc.integer({ min: 0, max: 60 }),
        fc.double({ min: 0.2, max: 0.8, noNaN: true }),
        (successes, failures, mean) => {
          const strength = 12
          const { rate, low, high } = shrink({ successes, trials: successes + failures }, { mean, strength })
          const alpha = mean * strength + successes
          const beta = (1 - mean) * strength + failures
          expect(rate).toBeCloseTo(alpha / (alpha + beta), 12)
          expect(betaCdf(low, alpha, beta)).toBeCloseTo(0.05, 2)
          expect(betaCdf(high, alpha, beta)).toBeCloseTo(0.95, 2)
        },
      ),
      { numRuns: 25 },
    )
  })

  test('the prior of simulated coaches has about the spread they were drawn with', () => {
    // Rates 0.5 ± 0.15 with 400 goals each: a beta with strength p(1-p)/var - 1 = 0.25/0.0225 - 1 ≈ 10.1
    const rates = Array.from({ length: 41 }, (_, i) => 0.5 + (0.15 * Math.sqrt(3) * (i - 20)) / 20.5)
    const prior = fitPrior(rates.map((rate) => ({ successes: Math.round(rate * 400), trials: 400 })))
    expect(prior?.mean).toBeCloseTo(0.5, 2)
    expect(prior?.strength).toBeGreaterThan(9)
    expect(prior?.strength).toBeLessThan(11.5)
  })

  test('coaches who differ no more than chance explains are drawn together', () => {
    const prior = fitPrior(Array.from({ length: 10 }, () => ({ successes: 6, trials: 10 })))
    expect(prior).toEqual({ mean: 0.6, strength: 200 })
    expect(fitPrior([{ successes: 0, trials: 0 }])).toBeUndefined()
  })
})

describe('the leaderboard', () => {
  const row = (coach_id: string, completed: number, active: number) => ({
    coach_id,
    name: `Name of ${coach_id}`,
    members: 3,
    active,
    completed,
    adherence: 70,
    response_seconds: 60,
    satisfaction: 4.5,
    ratings: 2,
  })
  const rows = [row('lucky', 4, 4), row('steady', 70, 100), row('weak', 20, 100), row('idle', 0, 0)]

  test('a coach with 4 goals gets no rank, however good the rate looks', () => {
    const { coaches } = leaderboard(rows, undefined)
    expect(coaches.map(({ coach_id, rank }) => [coach_id, rank])).toEqual([
      ['steady', 1],
      ['weak', 2],
      ['lucky', null],
      ['idle', null],
    ])
    const lucky = coaches.find(({ coach_id }) => coach_id === 'lucky')
    expect(lucky?.goal_completion_rate).toBe(1)
    expect(lucky?.adjusted_rate?.rate).toBeLessThan(0.9)
    expect(coaches.at(-1)?.adjusted_rate).toBeNull()
  })

  test('a coach sees the own row named and the others anonymous', () => {
    const { coaches } = leaderboard(rows, 'weak')
    expect(coaches.filter((coach) => coach.own).map((coach) => coach.name)).toEqual(['Name of weak'])
    for (const coach of coaches.filter(({ own }) => !own)) expect([coach.coach_id, coach.name]).toEqual([null, null])
  })
})
