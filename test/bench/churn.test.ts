import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { readActivity } from '../../bench/churn/activity.ts'
import { fittedPrior } from '../../bench/churn/fit-prior.ts'
import { churnBench } from '../../bench/churn/index.ts'
import { randomObservations, twinObservations } from '../../bench/churn/simulated.ts'
import type { FeatureGroup } from '../../metrics/churn/features.ts'
import { churnProbability } from '../../metrics/churn/model.ts'
import { priorModel } from '../../metrics/churn/prior.ts'
import { reasonsFor } from '../../metrics/churn/reasons.ts'
import { evaluateModel, fitModel, train } from '../../metrics/churn/train.ts'

const directory = mkdtempSync(join(tmpdir(), 'upcoach-churn-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** Seeds other than those the prior was fitted on. */
const { twin, observations } = twinObservations(7)

describe('the shipped prior', () => {
  test('is what npm run churn:prior writes', () => {
    const committed = JSON.parse(readFileSync(new URL('../../metrics/churn/prior.json', import.meta.url), 'utf8'))
    expect(fittedPrior()).toEqual(committed)
  }, 120_000)

  test('beats recency on members it was not fitted on, from the first day', () => {
    for (const unseen of [observations, randomObservations(8, 4, 150)]) {
      const { model, recency } = evaluateModel(priorModel, unseen)
      expect(model.auc).toBeGreaterThan(recency.auc ?? 1)
    }
  }, 60_000)
})

const planted: Readonly<Record<string, FeatureGroup>> = {
  fewer_checks: 'habits',
  unanswered_messages: 'unanswered',
  ignored_nudges: 'nudges',
}

describe.each([
  ['the shipped prior', () => priorModel],
  ['a refit on another twin', () => fitModel(twinObservations(17).observations)],
])('planted causes, by %s', (_, modelOf) => {
  test('are among the reasons of most who are about to fall silent, and far more often than of others', () => {
    const model = modelOf()
    const seen = { planted: 0, found: 0, others: 0, foundInOthers: 0 }
    for (const { user_id, day, facts } of observations) {
      const churn = twin.truth.churned.find((one) => one.user_id === user_id)
      const left = churn ? churn.silent - Date.parse(day) / 86_400_000 : Number.POSITIVE_INFINITY
      const reasons = reasonsFor(model, facts).map(({ feature }) => feature)
      // The last ten days before the silence; the signs have been at work for at least eleven.
      if (churn && left > 0 && left <= 10)
        for (const cause of churn.causes) {
          seen.planted += 1
          if (reasons.includes(planted[cause] ?? 'recency')) seen.found += 1
        }
      else if (!churn)
        for (const group of Object.values(planted)) {
          seen.others += 1
          if (reasons.includes(group)) seen.foundInOthers += 1
        }
    }
    expect(seen.planted).toBeGreaterThan(50)
    expect(seen.found / seen.planted, JSON.stringify(seen)).toBeGreaterThan(0.6)
    expect(seen.foundInOthers / seen.others).toBeLessThan(seen.found / seen.planted / 2)
  }, 60_000)
})

describe('a refit on simulated members', { timeout: 60_000 }, () => {
  test('is accepted, and sharp and calibrated on later days', () => {
    const training = train(observations)
    expect(training, training.reason).toMatchObject({ accepted: true })
    expect(training.evaluation?.model.auc).toBeGreaterThan(0.95)
    const rate = training.evaluation?.base_rate ?? 0
    // Half of what the base rate alone would have.
    expect(training.evaluation?.model.brier).toBeLessThan((rate * (1 - rate)) / 2)
    expect(training.evaluation?.model.calibration_error).toBeLessThan(0.05)
  })

  test('drifts only half-way with the mix of members: the latest observed rate holds the level', () => {
    const days = [...new Set(observations.map((one) => one.day))].sort()
    const [latest = [], before = []] = [-1, -2].map((at) => observations.filter(({ day }) => day === days.at(at)))
    // Together more than 500 members.
    const both = [...latest, ...before, ...observations.filter(({ day }) => day === days.at(-3))]
    const rate = both.filter(({ churned }) => churned).length / both.length
    // As if all of them had been silent for a week longer.
    const worse = latest.map(({ facts }) => ({ ...facts, days_since: facts.days_since + 7 }))
    const mean = (model: ReturnType<typeof fitModel>) =>
      worse.reduce((sum, facts) => sum + churnProbability(model, facts), 0) / worse.length
    const undamped = mean(fitModel(observations))
    const damped = mean(fitModel(observations, worse))
    expect(undamped).toBeGreaterThan(rate)
    expect(damped).toBeCloseTo((undamped + rate) / 2, 2)
  })
})

describe('npm run bench -- churn', () => {
  const write = (name: string, text: string): string => {
    const path = join(directory, name)
    writeFileSync(path, text)
    return path
  }

  test('takes any log of actions and reports every cutoff and the verdict', async () => {
    const rows = twin.truth.activity.flatMap(({ user_id, days }) => days.map((day) => `${user_id},${day} 12:00:00`))
    const path = write('own.csv', `customer_id,date\n${rows.join('\n')}\n`)
    const lines: string[] = []
    const { ratios, notes } = await churnBench.run({
      rounds: 1,
      files: [path],
      size: (usual) => usual,
      log: (line) => lines.push(line),
    })
    expect(
      lines.filter((line) => /AUC 0\.\d+ \(recency 0\.\d+\) {2}Brier 0\.\d+ {2}calibration 0\.\d+/.test(line)).length,
    ).toBe(16)
    expect(ratios.map(({ name }) => name)).toEqual([
      'own.csv, everybody seen before the cutoff',
      'own.csv, active in the last 30 days only, as scores are made',
    ])
    expect(notes[0]).toMatch(
      /MET: better at \d of 8 cutoffs; AUC 0\.\d+, recency 0\.\d+; Brier 0\.\d+; calibration error 0\.0/,
    )
  }, 120_000)

  test('reads instants with and without an offset as UTC days, and leaves out what is neither', () => {
    const path = write(
      'times.csv',
      'user_id,ts\na,2024-01-01T23:30:00-02:00\na,2024-01-01 23:30:00\na,never\n,2024-01-05\nb,2024-01-03\n',
    )
    const day = Date.parse('2024-01-01') / 86_400_000
    expect([...readActivity(path)]).toEqual([
      ['a', [day, day + 1]],
      ['b', [day + 2]],
    ])
    expect(() => readActivity(write('none.csv', 'x,y\n1,2\n'))).toThrow(/no column/)
  })
})
