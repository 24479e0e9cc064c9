import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type AlertStanding, evaluateAlert } from '../../../metrics/alerts/state.ts'

const at = (minute: number): string => new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString()
const rule = { forSeconds: 600 }
const above = [{ labels: {}, value: 2 }]
const below = [{ labels: {}, value: 1 }]

describe('the state of an alert', () => {
  test('is pending until it has lasted, then fires, then resolves; each change is told once', () => {
    let before: readonly AlertStanding[] = []
    const told: string[] = []
    const states: string[] = []
    const steps: [number, typeof above][] = [
      [0, below],
      [1, above],
      [10, above],
      [11, above],
      [12, above],
      [13, below],
    ]
    for (const [minute, observations] of steps) {
      const { standings, changes } = evaluateAlert(rule, 1, before, observations, at(minute))
      before = standings
      states.push(standings[0]?.state ?? '')
      told.push(...changes.map(({ status, startedAt }) => `${status} ${startedAt}`))
    }
    expect(states).toEqual(['ok', 'pending', 'pending', 'firing', 'firing', 'ok'])
    expect(told).toEqual([`firing ${at(11)}`, `resolved ${at(11)}`])
  })

  test('what fires goes on firing while there is nothing to judge', () => {
    const firing = evaluateAlert({ forSeconds: 0 }, 1, [], above, at(0)).standings
    expect(evaluateAlert(rule, 1, firing, [], at(1))).toMatchObject({ standings: [{ state: 'firing' }], changes: [] })
    expect(evaluateAlert(rule, 1, [], [], at(1)).standings).toMatchObject([{ state: 'no_data', since: at(1) }])
  })

  test('a labelled series that is gone is resolved', () => {
    const two = [
      { labels: { coach: 'a' }, value: 2 },
      { labels: { coach: 'b' }, value: 2 },
    ]
    const { standings } = evaluateAlert({ forSeconds: 0 }, 1, [], two, at(0))
    const after = evaluateAlert({ forSeconds: 0 }, 1, standings, two.slice(1), at(1))
    expect(after.standings.map(({ labels }) => labels.coach)).toEqual(['b'])
    expect(after.changes).toMatchObject([{ status: 'resolved', labels: { coach: 'a' } }])
  })

  test('over any history firing and resolved alternate, beginning with firing', () => {
    const values = fc.array(fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined }), { maxLength: 60 })
    fc.assert(
      fc.property(values, fc.integer({ min: 0, max: 1200 }), (history, forSeconds) => {
        let before: readonly AlertStanding[] = []
        let isFiring = false
        history.forEach((value, minute) => {
          const observations = value === undefined ? [] : [{ labels: {}, value }]
          const { standings, changes } = evaluateAlert({ forSeconds }, 1, before, observations, at(minute * 5))
          before = standings
          for (const { status } of changes) {
            expect(status).toBe(isFiring ? 'resolved' : 'firing')
            isFiring = status === 'firing'
          }
          expect(standings.some(({ state }) => state === 'firing')).toBe(isFiring)
        })
      }),
    )
  })
})
