import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { readActivity, readLog } from '../../bench/churn/activity.ts'
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

  const run = async (path: string): Promise<string[]> => {
    const before = process.exitCode
    const { ratios, notes } = await churnBench.run({ rounds: 1, files: [path], size: (usual) => usual, log: () => {} })
    // What a file that cannot be judged sets would be this test run's own.
    process.exitCode = before
    for (const { min, median, max } of ratios)
      for (const value of [min, median, max]) expect(value).toSatisfy(Number.isFinite)
    for (const note of notes) expect(note).not.toMatch(/NaN|Infinity|undefined|null/)
    return [...notes]
  }
  /** A log of one row per member and day, from 2025-01-01 on. */
  const csv = (
    members: number,
    daysOf: (member: number) => number[],
    idOf = (member: number): string => `m${member}`,
  ): string =>
    `user_id,ts\n${Array.from({ length: members }, (_, m) =>
      daysOf(m)
        .map((day) => `${idOf(m)},${new Date(Date.UTC(2025, 0, 1 + day)).toISOString()}\n`)
        .join(''),
    ).join('')}`
  const every = (step: number, until = 200): number[] =>
    Array.from({ length: Math.ceil(until / step) }, (_, i) => i * step)
  const mixed = (m: number): number[] => every(1 + (m % 9), m % 3 === 0 ? 40 + m : 200)

  test.each<[string, string, RegExp]>([
    ['one member, one action', csv(1, () => [0]), /not judged: 1 members .*8 with nothing before them to learn from/],
    ['three weeks', csv(50, () => every(3, 21)), /not judged: 50 members .*8 with nothing before them/],
    ['nobody leaves', csv(40, () => every(5)), /not judged: 40 members .*8 at which all or none fell silent/],
    [
      'everybody leaves',
      `${csv(40, () => every(5, 50))}late,2025-07-20\n`,
      /not judged: 41 members .*at which all or none/,
    ],
    ['all on one day', csv(40, () => [7]), /not judged: 40 members from 2025-01-08 to 2025-01-08/],
    [
      'a cutoff without history',
      csv(200, mixed).replace(/.*2025-0[1-5].*\n/g, ''),
      /better at \d of \d cutoffs;.*cutoffs left out: \d/,
    ],
    [
      'huge and odd ids',
      csv(90, mixed, (m) => (m === 0 ? '__proto__' : `${'9'.repeat(4000)}${m}`)),
      /better at \d of 8/,
    ],
    ['a stray time far in the future', `${csv(90, mixed)}x,4466-01-01T00:00:00Z\n`, /better at \d of 8/],
    ['nothing', '', /not judged: no column for the member .*it has nothing/],
    ['a header line alone', 'user_id,ts\n', /not judged: no action/],
    ['dates that may be read in two ways', 'user_id,ts\na,3/4/2024\n', /not judged: 1 of 1 rows .*“3\/4\/2024”/],
    ['not CSV', '{"user_id":"a"}\n{"user_id":"b"}\n', /not judged/],
  ])(
    'says what it makes of %s',
    async (name, text, expected) => {
      expect((await run(write(`${name.replaceAll(' ', '-')}.csv`, text)))[0]).toMatch(expected)
    },
    60_000,
  )

  test('names a file that is not there or not gzip, and goes on', async () => {
    expect(await run(join(directory, 'absent.csv'))).toEqual([
      expect.stringMatching(/absent.csv: not judged: .*no such file/),
    ])
    expect(await run(write('plain.csv.gz', 'user_id,ts\n'))).toEqual([expect.stringMatching(/not judged: .*header/)])
  })

  test('reads times in the ways that logs have them, by the day in UTC', () => {
    const times = [
      [
        '2024-01-02',
        '2024/01/02',
        '20240102',
        '2024-01-02 23:30',
        '2024-01-02 23:30:00 UTC',
        '2024-01-02T23:30:00.123Z',
      ],
      [
        '2024-01-03 01:30:00 +0200',
        '2024-01-03T01:30:00+02:00',
        '2024-01-03 01:30:00+02',
        '1704153600',
        '1704153600000',
        '1704153600000000',
      ],
    ].flat()
    const day = Date.parse('2024-01-02') / 86_400_000
    const text = `\ufeffCustomer;Event_Time\n${times.map((time, i) => `m${i};${time}`).join('\n')}`
    expect([...readActivity(write('ways.csv', text))]).toEqual(times.map((_, i) => [`m${i}`, [day]]))
  })

  test('leaves out rows without a member or a time, and says how many', async () => {
    const good = Array.from({ length: 40 }, (_, i) => `a,2024-01-01T23:30:00-02:00\nb,2024-01-0${1 + (i % 9)}`).join(
      '\n',
    )
    const path = write('dirt.csv', `user_id,ts\n${good}\na,never\n,2024-01-05\n`)
    const { activity, leftOut, example } = readLog(path)
    expect([[...activity.keys()], leftOut, example]).toEqual([['a', 'b'], 2, 'never'])
    expect(activity.get('a')).toEqual([Date.parse('2024-01-02') / 86_400_000])
    expect(await run(path)).toContain('dirt.csv: 2 rows left out, without a member or a readable time (“never”)')
  })
})
