import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { axisOf } from '../../web/charts/axis.ts'
import { bridgeBars, type Step } from '../../web/charts/bridge.ts'
import { formatFor, type Unit } from '../../web/format.ts'

const euro = { kind: 'money', currency: 'EUR', digits: 2 } as const
const units: readonly Unit[] = [
  euro,
  { kind: 'ratio' },
  { kind: 'count' },
  { kind: 'score' },
  { kind: 'minutes' },
  { kind: 'seconds' },
  { kind: 'days' },
]

describe('the bars from one level to the next', () => {
  const step = (key: string, value: number, kind: Step['kind']): Step => ({ key, title: key, value, kind })
  const steps = [
    step('start', 450, 'total'),
    step('new', 215, 'up'),
    step('reactivation', 0, 'up'),
    step('contraction', -0, 'down'),
    step('churn', -19, 'down'),
    step('end', 646, 'total'),
  ]

  test('each says its own value, changes that add with a plus, whatever stands before it', () => {
    expect(bridgeBars(steps, String).map(({ key, text }) => [key, text])).toEqual([
      ['start', '450'],
      ['new', '+215'],
      ['reactivation', '0'],
      ['contraction', '0'],
      ['churn', '-19'],
      ['end', '646'],
    ])
  })

  test('levels stand on zero, changes where the one before ended', () => {
    expect(bridgeBars(steps, String).map(({ span }) => span)).toEqual([
      [0, 450],
      [450, 665],
      [665, 665],
      [665, 665],
      [646, 665],
      [0, 646],
    ])
  })

  test('the axis of it begins at zero', () => {
    const { ticks, domain } = axisOf(
      bridgeBars(steps, String).flatMap(({ span }) => span.map((major) => major * 100)),
      euro,
      true,
    )
    expect(ticks).toEqual([0, 200, 400, 600, 800].map((major) => major * 100))
    expect(domain).toEqual([0, 80_000])
  })
})

describe('an axis', () => {
  test('has round ticks', () => {
    expect(axisOf([17, 3], { kind: 'count' }, true).ticks).toEqual([0, 5, 10, 15, 20])
    expect(axisOf([0, 95_000], { kind: 'seconds' }, true).ticks).toEqual([0, 21_600, 43_200, 64_800, 86_400, 108_000])
    expect(axisOf([1, 0], { kind: 'count' }, true).ticks).toEqual([0, 1])
    expect(axisOf([], { kind: 'count' }, true).ticks).toEqual([0, 1])
  })

  test('holds every value between its ends, with two to six ticks that are written differently', () => {
    const format = formatFor({ locale: 'de-DE', timezone: 'UTC' })
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.integer({ min: -1e9, max: 1e9 }), fc.double({ min: 0.001, max: 1, noNaN: true })), {
          maxLength: 6,
        }),
        fc.constantFrom(...units),
        fc.boolean(),
        (values, unit, fromZero) => {
          const { ticks, domain } = axisOf(values, unit, fromZero)
          const slack = 1e-6 * (domain[1] - domain[0])
          for (const value of values) {
            expect(value).toBeGreaterThanOrEqual(domain[0] - slack)
            expect(value).toBeLessThanOrEqual(domain[1] + slack)
          }
          expect(ticks.length).toBeGreaterThanOrEqual(2)
          expect(ticks.length).toBeLessThanOrEqual(6)
          if (Math.max(...values.map(Math.abs), 0) < 1e5 && domain[1] - domain[0] > 0.01)
            expect(new Set(ticks.map(format.ticks(ticks, unit))).size).toBe(ticks.length)
        },
      ),
    )
  })
})
