import { describe, expect, test } from 'vitest'
import { formatFor } from '../../web/format.ts'

const german = formatFor({ locale: 'de-DE', timezone: 'Europe/Berlin' })
const english = formatFor({ locale: 'en-US', timezone: 'America/New_York' })
const euro = { kind: 'money', currency: 'EUR', digits: 2 } as const
const seconds = { kind: 'seconds' } as const
const days = { kind: 'days' } as const
/** Intl separates by spaces that do not break. */
const plain = (text: string) => text.replaceAll(/[\u00A0\u202F]/g, ' ')

describe('numbers are the locale’s, units are English words', () => {
  test.each([
    [40, '40 s'],
    [84 * 60, '84 min'],
    [5400, '1,5 h'],
    [86_400 * 2.5, '2,5 days'],
  ])('%d seconds: %s', (value, text) => expect(german.value(value, seconds)).toBe(text))

  test('days have a singular', () => {
    expect([1, 1.04, 4.5, 0].map((value) => german.value(value, days))).toEqual([
      '1 day',
      '1 day',
      '4,5 days',
      '0 days',
    ])
  })

  test('large ones are shortened with the same letters everywhere', () => {
    expect(plain(german.short(1_761_520_00, euro))).toBe('1,8M €')
    expect(english.short(2_645_000, euro)).toBe('€26.5K')
    expect(german.short(12_300, { kind: 'count' })).toBe('12,3K')
    expect(plain(german.short(64_600, euro))).toBe('646 €')
  })

  test('nothing is not minus nothing', () => {
    expect(plain(german.value(-0, euro))).toBe('0,00 €')
    expect(plain(german.short(-20, euro))).toBe('0 €')
    expect(plain(german.percent(-0.0001))).toBe('0 %')
    expect(plain(german.value(-1900, euro))).toBe('-19,00 €')
  })

  test('money in sentences has no cents', () => {
    expect(plain(german.whole(1_761_520, euro))).toBe('17.615 €')
    expect(plain(german.whole(64_650, euro))).toBe('647 €')
    expect(german.whole(null, euro)).toBe('–')
  })
})

describe('the ticks of an axis', () => {
  const written = (ticks: readonly number[], unit: Parameters<typeof german.ticks>[1]) =>
    ticks.map((tick) => plain(german.ticks(ticks, unit)(tick)))
  test('have as many digits as tell them apart', () => {
    expect(written([0.44, 0.445, 0.45], { kind: 'ratio' })).toEqual(['44 %', '44,5 %', '45 %'])
    expect(written([0, 0.25, 0.5], { kind: 'ratio' })).toEqual(['0 %', '25 %', '50 %'])
    expect(written([0, 250, 500], euro)).toEqual(['0 €', '2,5 €', '5 €'])
  })
  test('are of one unit', () => {
    expect(written([0, 43_200, 86_400, 129_600], seconds)).toEqual(['0 h', '12 h', '24 h', '36 h'])
    expect(written([0, 900, 1800], seconds)).toEqual(['0 min', '15 min', '30 min'])
    expect(written([0, 500_000, 1_000_000, 1_500_000], euro)).toEqual(['0 €', '5K €', '10K €', '15K €'])
    expect(written([0, 172_800, 345_600], seconds)).toEqual(['0 days', '2 days', '4 days'])
  })
})

test('the clock shows the date too when it is not today’s, in the tenant’s zone', () => {
  const now = Date.parse('2026-11-23T09:40:00Z')
  expect(german.clock('2026-11-23T09:32:00Z', now)).toBe('10:32')
  expect(german.clock('2026-11-22T23:30:00Z', now)).toBe('00:30')
  expect(german.clock('2026-11-22T22:30:00Z', now)).toBe('22.11.2026, 23:30')
  expect(german.ago('2026-11-23T09:32:00Z', now)).toBe('8 minutes ago')
})
