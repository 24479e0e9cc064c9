import { describe, expect, test } from 'vitest'
import { formatMoved } from '../../workers/exports/format-value.ts'
import { chartSvg } from '../../workers/exports/pdf/chart.ts'
import { columnWidths } from '../../workers/exports/pdf/columns.ts'
import type { PageTable } from '../../workers/exports/report.ts'

const table = (...texts: string[]): PageTable => ({
  title: 't',
  columns: texts.map((_, i) => ({ title: `c${i}`, align: 'left' })),
  rows: [texts.map((text) => ({ text }))],
})

describe('columns of a page', () => {
  test('are equal while everything fits', () => {
    expect(columnWidths(table('1', '22', '333'), 300, 8)).toEqual(
      [100, 100, 100].map((width) => ({ width, isBroken: false })),
    )
  })

  test('give long texts what short ones do not need, and never more than there is', () => {
    const long = 'a text of many words '.repeat(20)
    const widths = columnWidths(table('2026-11-23', long, '200'), 300, 8)
    expect(widths.reduce((sum, { width }) => sum + width, 0)).toBeCloseTo(300)
    expect(widths[1]?.width).toBeGreaterThan(180)
    expect(widths.map(({ isBroken }) => isBroken)).toEqual([false, false, false])
  })

  test('may break a word that has no room', () => {
    expect(columnWidths(table('x'.repeat(200), 'y'), 100, 8)[0]).toMatchObject({ isBroken: true })
  })
})

test('a legend of several lines stands above the chart', () => {
  const chart = (names: string[]) => ({
    title: 'c',
    kind: 'line' as const,
    unit: { kind: 'count' } as const,
    labels: ['a', 'b'],
    series: names.map((name) => ({ name, values: [0, 10] })),
  })
  /** Height of the drawing's highest grid line. */
  const top = (svg: string) =>
    Math.min(...[...svg.matchAll(/<path d="M[\d.]+ ([\d.]+)L[^>]*#e8ecf0/g)].map(([, y]) => Number(y)))
  const size = { width: 515, height: 210 }
  const same = (text: string) => text
  const one = top(chartSvg(chart(['a', 'b']), size, same))
  const long = top(
    chartSvg(chart(['one', 'two', 'three'].map((n) => `a coach with a rather long name, number ${n}`)), size, same),
  )
  expect(one).toBeGreaterThan(20)
  expect(long).toBeGreaterThan(one + 10)
})

describe('a change on a page', () => {
  const ratio = { kind: 'ratio' } as const
  test('of a share is in points, and no change has no sign', () => {
    expect(formatMoved({ value: 0.016, previous: -0.017, change: null, unit: ratio })).toBe('+3.3 pp')
    expect(formatMoved({ value: 0.0333, previous: 0.0334, change: -0.003, unit: ratio })).toBe('0.0 pp')
    expect(formatMoved({ value: 0.4, previous: 0.5, change: -0.2, unit: ratio })).toBe('−10.0 pp')
    expect(formatMoved({ value: 9, previous: 10, change: -0.1, unit: { kind: 'count' } })).toBe('−10.0%')
    expect(formatMoved({ value: 9, previous: 0, change: null, unit: { kind: 'count' } })).toBe('–')
  })
})
