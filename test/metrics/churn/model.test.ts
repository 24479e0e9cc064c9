import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bandOf } from '../../../metrics/churn/bands.ts'
import { auc, brier, calibrationError, deciles, type Outcome, topDecileLift } from '../../../metrics/churn/evaluate.ts'
import { features, type MemberFacts, vectorOf } from '../../../metrics/churn/features.ts'
import { fitLogistic, linear, sigmoid } from '../../../metrics/churn/logistic.ts'
import { churnProbability } from '../../../metrics/churn/model.ts'
import { priorModel } from '../../../metrics/churn/prior.ts'
import { reasonsFor } from '../../../metrics/churn/reasons.ts'
import { type Observation, splitByTime, train } from '../../../metrics/churn/train.ts'

/** The same numbers in [0, 1) on every run (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const quiet: MemberFacts = {
  days_since: 0,
  active_days: 60,
  active_span: 120,
  recent_days: 7,
  earlier_days: 14,
  tenure_days: 200,
  recent_checks: 10,
  earlier_checks: 20,
  unanswered: 0,
  ignored_nudges: 0,
  billing_issue: false,
}

describe('the logistic regression', () => {
  test('recovers the coefficients that made the data', () => {
    const truth = [-1, 0.8, -1.5, 0, 2]
    const random = randomNumbers(1)
    const rows = Array.from({ length: 20_000 }, () => truth.slice(1).map(() => random() * 4 - 2))
    const labels = rows.map((row) => random() < sigmoid(linear(truth, row)))
    const flat = { mean: truth.map(() => 0), sd: truth.map(() => 100) }
    const errors = fitLogistic(rows, labels, flat).map((found, j) => Math.abs(found - (truth[j] ?? 0)))
    expect(Math.max(...errors)).toBeLessThan(0.1)
  })

  test('agrees with a closed form: one yes-or-no feature gives the log odds of both groups', () => {
    const rows = [...Array(80).fill([0]), ...Array(50).fill([1])]
    const labels = rows.map((_, i) => (i < 80 ? i < 20 : i < 110))
    const [intercept = 0, slope = 0] = fitLogistic(rows, labels, { mean: [0, 0], sd: [1e4, 1e4] })
    expect(intercept).toBeCloseTo(Math.log(20 / 60), 5)
    expect(intercept + slope).toBeCloseTo(Math.log(30 / 20), 5)
  })

  test('without data it is the prior, and separable data stay finite', () => {
    expect(fitLogistic([], [], { mean: [1, -2], sd: [1, 1] })).toEqual([1, -2])
    const separable = fitLogistic([[0], [1]], [false, true], { mean: [0, 0], sd: [1, 1] })
    expect(separable.every(Number.isFinite)).toBe(true)
    expect(separable[1]).toBeGreaterThan(0)
  })
})

/** By the definition: every pair of one who churned and one who stayed. */
function aucOfPairs(outcomes: readonly Outcome[]): number | null {
  let pairs = 0
  let wins = 0
  for (const a of outcomes)
    for (const b of outcomes)
      if (a.churned && !b.churned) {
        pairs += 1
        wins += a.score > b.score ? 1 : a.score === b.score ? 0.5 : 0
      }
  return pairs === 0 ? null : wins / pairs
}

const outcomes = fc.array(
  fc.record({ score: fc.integer({ min: 0, max: 9 }).map((n) => n / 9), churned: fc.boolean() }),
  {
    minLength: 1,
    maxLength: 60,
  },
)

describe('evaluation', () => {
  test('AUC is the share of pairs in the right order, ties counting half', () => {
    fc.assert(
      fc.property(outcomes, (list) => {
        const expected = aucOfPairs(list)
        if (expected === null) expect(auc(list)).toBeNull()
        else expect(auc(list)).toBeCloseTo(expected, 12)
      }),
    )
  })

  test('the published example of scikit-learn’s documentation', () => {
    // roc_auc_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) = 0.75
    const given = [0.1, 0.4, 0.35, 0.8].map((score, i) => ({ score, churned: i >= 2 }))
    expect(auc(given)).toBe(0.75)
    // brier_score_loss([0, 1, 1, 0], [0.1, 0.9, 0.8, 0.3]) = 0.0375
    const forecast = [0.1, 0.9, 0.8, 0.3].map((score, i) => ({ score, churned: i === 1 || i === 2 }))
    expect(brier(forecast)).toBeCloseTo(0.0375, 12)
  })

  test('deciles partition the observations in order, and nothing depends on the order given', () => {
    fc.assert(
      fc.property(outcomes, (list) => {
        const parts = deciles(list)
        expect(parts.reduce((sum, part) => sum + part.observations, 0)).toBe(list.length)
        expect(parts.map(({ predicted }) => predicted)).toEqual(
          [...parts.map(({ predicted }) => predicted)].sort((a, b) => a - b),
        )
        const reversed = [...list].reverse()
        expect(auc(reversed)).toEqual(auc(list))
        expect(topDecileLift(reversed)).toEqual(topDecileLift(list))
        expect(calibrationError(reversed)).toBeCloseTo(calibrationError(list) ?? 0, 12)
      }),
    )
  })

  test('the top tenth of a perfect order holds ten times the base rate; of no order, as much as all', () => {
    const perfect = Array.from({ length: 100 }, (_, i) => ({ score: i, churned: i >= 90 }))
    expect(topDecileLift(perfect)).toBeCloseTo(10)
    expect(topDecileLift(perfect.map(({ churned }) => ({ score: 1, churned })))).toBeCloseTo(1)
    expect(calibrationError(perfect.map(({ churned }) => ({ score: churned ? 1 : 0, churned })))).toBe(0)
  })
})

describe('features and reasons', () => {
  const anyFacts = fc.record({
    days_since: fc.nat(60),
    active_days: fc.integer({ min: 1, max: 180 }),
    active_span: fc.nat(180),
    recent_days: fc.nat(14),
    earlier_days: fc.nat(28),
    tenure_days: fc.nat(4000),
    recent_checks: fc.nat(200),
    earlier_checks: fc.nat(400),
    unanswered: fc.nat(20),
    ignored_nudges: fc.nat(50),
    billing_issue: fc.boolean(),
  })

  test('every member has finite features, a probability, and at most three reasons that are sentences', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const vector = vectorOf(facts)
        expect(vector.length).toBe(features.length)
        expect(vector.every(Number.isFinite)).toBe(true)
        const probability = churnProbability(priorModel, facts)
        expect(probability > 0 && probability < 1).toBe(true)
        const reasons = reasonsFor(priorModel, facts)
        expect(reasons.length).toBeLessThanOrEqual(3)
        expect(new Set(reasons.map(({ feature }) => feature)).size).toBe(reasons.length)
        for (const { text } of reasons) expect(text).toMatch(/^[A-Z0-9][^:]+$/)
      }),
    )
  })

  test.each<[string, Partial<MemberFacts>]>([
    ['recency', { days_since: 20 }],
    ['activity', { recent_days: 0, earlier_days: 20 }],
    ['habits', { recent_checks: 0, earlier_checks: 60 }],
    ['unanswered', { unanswered: 3 }],
    ['nudges', { ignored_nudges: 8 }],
    ['billing', { billing_issue: true }],
  ])('%s raises the shipped model’s risk and is its first reason', (feature, change) => {
    const changed = { ...quiet, ...change }
    expect(churnProbability(priorModel, changed)).toBeGreaterThan(churnProbability(priorModel, quiet))
    expect(reasonsFor(priorModel, changed)[0]?.feature).toBe(feature)
  })

  test('bands begin where they say', () => {
    expect([0, 0.1999, 0.2, 0.4999, 0.5, 1].map(bandOf)).toEqual(['low', 'low', 'medium', 'medium', 'high', 'high'])
  })
})

/** Members whose silence depends on what waits for an answer, which recency does not know. */
function history(days: number, seed: number, knows: 'more than recency' | 'recency only'): Observation[] {
  const random = randomNumbers(seed)
  return Array.from({ length: days }, (_, i) =>
    Array.from({ length: 200 }, (_, m): Observation => {
      const days_since = Math.floor(random() * 20)
      const unanswered = random() < 0.3 ? 1 + Math.floor(random() * 3) : 0
      const odds = -3.5 + 0.15 * days_since + (knows === 'recency only' ? 0 : 1.5 * unanswered)
      return {
        user_id: `m${m}`,
        day: new Date(Date.UTC(2025, 0, 1 + 7 * i)).toISOString().slice(0, 10),
        facts: { ...quiet, days_since, unanswered },
        churned: random() < sigmoid(odds),
      }
    }),
  ).flat()
}

describe('training', () => {
  const day = (text: string): number => Date.parse(text) / 86_400_000

  test('no outcome of the training days reaches into the holdout', () => {
    const { earlier, later } = splitByTime(history(30, 1, 'more than recency'), 0.25)
    const lastOfTraining = Math.max(...earlier.map((observation) => day(observation.day)))
    expect(lastOfTraining + 30).toBeLessThan(Math.min(...later.map((observation) => day(observation.day))))
  })

  test('a refit that beats recency is accepted, and is the same on every run and in any order', () => {
    const observations = history(30, 2, 'more than recency')
    const result = train(observations)
    expect(result).toMatchObject({ accepted: true })
    expect(result.evaluation?.model.auc).toBeGreaterThan(result.evaluation?.recency.auc ?? 1)
    expect(result.evaluation?.model.calibration_error).toBeLessThan(0.05)
    expect(train([...observations].reverse())).toEqual(result)
  })

  test('one that does not is kept as an attempt', () => {
    // silence decides alone, and is measured in nothing else: there is nothing to win
    const plain = history(30, 3, 'recency only').map((observation) => ({
      ...observation,
      facts: { ...quiet, days_since: observation.facts.days_since },
    }))
    expect(train(plain)).toMatchObject({ accepted: false, reason: expect.stringContaining('not better than recency') })
  })

  test('too little history says so', () => {
    expect(train(history(6, 4, 'more than recency'))).toEqual({
      accepted: false,
      reason: expect.stringContaining('not enough history'),
    })
  })
})
