import { readFile } from 'node:fs/promises'
import {
  type Color,
  differenceCiede2000,
  filterDeficiencyDeuter,
  filterDeficiencyProt,
  filterDeficiencyTrit,
  parse,
  wcagContrast,
} from 'culori'
import { describe, expect, test } from 'vitest'
import { dashAt, seriesColours } from '../../web/charts/palette.ts'

const css = await readFile(new URL('../../web/styles/base.css', import.meta.url), 'utf8')
const colours = new Map(
  [...css.matchAll(/(--[\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);/g)].map(
    ([, name = '', light = '', dark = '']) => [name, { light, dark }] as const,
  ),
)
const names = seriesColours.map((colour) => colour.slice(4, -1))

/** CIEDE2000; 2.3 is just noticeable side by side, 10 is plain at a glance. */
const distance = differenceCiede2000()
const MIN_APART = 10
const vision: Record<string, (colour: Color) => Color> = {
  'full colour vision': (colour) => colour,
  protanopia: filterDeficiencyProt(1),
  deuteranopia: filterDeficiencyDeuter(1),
  tritanopia: filterDeficiencyTrit(1),
}

describe.each(['light', 'dark'] as const)('the %s palette', (theme) => {
  const hex = (name: string) => colours.get(name)?.[theme] ?? ''
  const colour = (name: string) => {
    const parsed = parse(hex(name))
    if (!parsed) throw new Error(`${name} is no colour`)
    return parsed
  }

  test.each(Object.entries(vision))('keeps all series apart in %s', (_, seen) => {
    const shades = names.map((name) => seen(colour(name)))
    shades.forEach((a, i) => {
      for (const [j, b] of shades.entries())
        if (j > i) expect(distance(a, b), `${names[i]} and ${names[j]}`).toBeGreaterThanOrEqual(MIN_APART)
    })
  })

  test.each([...names, '--previous', '--target'])('%s stands out from the panel, at least 3:1', (name) => {
    expect(wcagContrast(hex(name), hex('--surface'))).toBeGreaterThanOrEqual(3)
  })

  test.each(['--text', '--muted', '--accent', '--good', '--warn', '--bad'])('%s is readable, 4.5:1', (name) => {
    for (const ground of ['--page', '--surface'])
      expect(wcagContrast(hex(name), hex(ground)), ground).toBeGreaterThanOrEqual(4.5)
  })

  test.each(['good', 'warn', 'bad'])('%s is readable on its own ground', (name) => {
    expect(wcagContrast(hex(`--${name}`), hex(`--${name}-soft`))).toBeGreaterThanOrEqual(4.5)
  })
})

test('no two series share a dash: lines are told apart without any colour', () => {
  expect(new Set(names.map((_, index) => dashAt(index))).size).toBe(names.length)
})
