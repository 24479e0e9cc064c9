import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseInstant } from '../../sources/time.ts'

describe('parseInstant', () => {
  test.each([
    ['2026-03-31T08:15:00Z', '2026-03-31T08:15:00.000Z'],
    ['2026-03-31t08:15:00z', '2026-03-31T08:15:00.000Z'],
    ['2026-03-31 08:15:00.5Z', '2026-03-31T08:15:00.500Z'],
    ['2026-03-31T08:15:00+05:45', '2026-03-31T02:30:00.000Z'],
    ['2026-03-31T20:15:00-03:30', '2026-03-31T23:45:00.000Z'],
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
    ['2000-02-29T00:00:00Z', '2000-02-29T00:00:00.000Z'],
    ['2026-12-31T23:59:59.9999999Z', '2026-12-31T23:59:59.999Z'],
    ['1970-01-01T00:00:00Z', '1970-01-01T00:00:00.000Z'],
  ])('reads %s', (text, canonical) => {
    expect(new Date(parseInstant(text) ?? Number.NaN).toISOString()).toBe(canonical)
  })

  test.each([
    ['a day that does not exist', '2026-02-30T00:00:00Z'],
    ['29 February of a common year', '2026-02-29T00:00:00Z'],
    ['29 February 1900-style', '2100-02-29T00:00:00Z'],
    ['a 31st of April', '2026-04-31T00:00:00Z'],
    ['month 13', '2026-13-01T00:00:00Z'],
    ['day 0', '2026-01-00T00:00:00Z'],
    ['hour 24', '2026-01-01T24:00:00Z'],
    ['minute 60', '2026-01-01T00:60:00Z'],
    ['second 60', '2026-01-01T00:00:60Z'],
    ['no zone', '2026-01-01T00:00:00'],
    ['a date only', '2026-01-01'],
    ['an offset of 24 hours', '2026-01-01T00:00:00+24:00'],
    ['a year before 1970', '1969-12-31T23:59:59Z'],
    ['an offset that leads before 1970', '1970-01-01T00:00:00+01:00'],
    ['an offset that leads past the year 9999', '9999-12-31T23:59:59-01:00'],
    ['a year of two digits', '26-01-01T00:00:00Z'],
    ['text around it', ' 2026-01-01T00:00:00Z'],
    ['a line break after it', '2026-01-01T00:00:00Z\n'],
    ['words', 'yesterday'],
    ['nothing', ''],
    ['a number', 1_767_225_600_000],
    ['null', null],
  ])('refuses %s', (_what, value) => {
    expect(parseInstant(value)).toBeNull()
  })

  test('reads back every instant it can write', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true }),
        (date) => {
          expect(parseInstant(date.toISOString())).toBe(date.getTime())
        },
      ),
    )
  })

  test('agrees with Date on every real calendar day and refuses every other', () => {
    const part = (max: number) => fc.integer({ min: 0, max })
    fc.assert(
      fc.property(fc.integer({ min: 1970, max: 2400 }), part(14), part(33), (year, month, day) => {
        const text = `${year}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}T12:00:00`
        const date = new Date(Date.UTC(year, month - 1, day, 12))
        const real = date.getUTCMonth() === month - 1 && date.getUTCDate() === day && month >= 1 && month <= 12
        for (const end of ['Z', '.000Z', '+00:00']) expect(parseInstant(text + end)).toBe(real ? date.getTime() : null)
      }),
    )
  })

  test('reads the canonical form as it reads every other', () => {
    const digits = (length: number, max: number) =>
      fc.integer({ min: 0, max }).map((number) => String(number).padStart(length, '0'))
    fc.assert(
      fc.property(
        digits(4, 9999),
        digits(2, 15),
        digits(2, 35),
        digits(2, 30),
        digits(2, 70),
        digits(2, 70),
        digits(3, 999),
        (year, month, day, hour, minute, second, ms) => {
          const text = `${year}-${month}-${day}T${hour}:${minute}:${second}.${ms}`
          expect(parseInstant(`${text}Z`)).toBe(parseInstant(`${text}+00:00`))
        },
      ),
      { numRuns: 2_000 },
    )
  })
})
