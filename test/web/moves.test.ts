import { describe, expect, test } from 'vitest'
import { relativeChange } from '../../metrics/change.ts'
import { formatFor } from '../../web/format.ts'
import { type Moved, move, movedBy, toneOf } from '../../web/ui/moves.ts'

const format = formatFor({ locale: 'en-US', timezone: 'UTC' })
const moved = (value: number | null, previous: number | null, unit: Moved['unit'], better?: 'lower'): Moved => ({
  value,
  previous,
  change: relativeChange(value, previous),
  unit,
  better,
})
const ratio = { kind: 'ratio' } as const
const count = { kind: 'count' } as const

describe('how a number moved', () => {
  test('a share that rose from below zero rose', () => {
    const growth = moved(0.016, -0.017, ratio)
    expect([move(growth), movedBy(growth, format), toneOf(growth)]).toEqual([expect.closeTo(0.033), '+3.3 pp', 'good'])
  })

  test('a share is compared with zero as well', () => {
    const churn = moved(0.04, 0, ratio, 'lower')
    expect([movedBy(churn, format), toneOf(churn)]).toEqual(['+4 pp', 'bad'])
  })

  test('what is written as nothing has no direction', () => {
    expect(toneOf(moved(0.03333, 0.03342, ratio, 'lower'))).toBe('plain')
    expect(toneOf(moved(1000, 1001, count))).toBe('plain')
  })

  test('a percentage of zero or of a loss is not told', () => {
    expect(move(moved(39, -20, count))).toBeNull()
    expect(move(moved(3, 0, count))).toBeNull()
    expect(toneOf(moved(3, 0, count))).toBe('plain')
    expect(movedBy(moved(12, 10, count), format)).toBe('+20%')
  })

  test('without one of both there is nothing to compare', () => {
    expect(move(moved(null, 0.5, ratio))).toBeNull()
    expect(move(moved(0.5, null, ratio))).toBeNull()
  })
})
