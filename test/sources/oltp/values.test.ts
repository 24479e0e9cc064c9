import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { asDate, asInstant, asNumber, asSchedule, columnOf, decodeDecimal } from '../../../sources/oltp/values.ts'
import { hasRealData, realData } from './support.ts'

describe('values of columns', () => {
  it('the same instant is read from every encoding that Debezium and PostgreSQL have for it', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('1974-01-01'), max: new Date('2200-01-01'), noInvalidDate: true }),
        (date) => {
          const ms = date.getTime()
          const iso = date.toISOString()
          const plain = iso.replace('T', ' ').replace('Z', '')
          for (const form of [
            iso,
            `${plain}+00`,
            plain,
            `${plain}123`,
            ms,
            ms * 1000,
            String(ms * 1000),
            BigInt(ms) * 1_000_000n,
          ])
            expect(asInstant(form)).toBe(iso)
        },
      ),
    )
  })

  it('a zone is taken into account; infinity, words and null are no instants', () => {
    expect(asInstant('2026-03-31 10:15:00.5+05:30')).toBe('2026-03-31T04:45:00.500Z')
    expect(asInstant('2026-03-31 10:15:00-08')).toBe('2026-03-31T18:15:00.000Z')
    for (const none of ['infinity', '-infinity', '', 'yesterday', null, undefined, {}, true])
      expect(asInstant(none)).toBeNull()
  })

  it('days come as a count since 1970, as text, or as an instant', () => {
    expect([asDate(20_500), asDate('2026-02-16'), asDate('2026-02-16T23:00:00Z'), asDate('soon')]).toEqual([
      '2026-02-16',
      '2026-02-16',
      '2026-02-16',
      null,
    ])
  })

  it('a large value that is not in the log is absent; a text that only contains the placeholder is not', () => {
    const row = {
      a: '__debezium_unavailable_value',
      b: ['__debezium_unavailable_value'],
      c: 'x __debezium_unavailable_value',
    }
    expect([columnOf(row, 'a'), columnOf(row, 'b'), columnOf(row, 'c'), columnOf(row, 'toString')]).toEqual([
      undefined,
      undefined,
      row.c,
      undefined,
    ])
  })

  it('a schedule is made of days, times or a word', () => {
    expect(asSchedule('{1,3,5}', null, null)).toEqual({ kind: 'weekdays', days: [1, 3, 5] })
    expect(asSchedule([0, 6], null, 'daily')).toEqual({ kind: 'weekdays', days: [6, 7] })
    expect(asSchedule('["Mon","thursday"]', 2, null)).toEqual({ kind: 'weekdays', days: [1, 4] })
    expect(asSchedule([], '3', null)).toEqual({ kind: 'times_per_week', times: 3 })
    expect(asSchedule(null, null, 'DAILY')).toEqual({ kind: 'weekdays', days: [1, 2, 3, 4, 5, 6, 7] })
    expect(asSchedule(null, null, 'sometimes')).toBeUndefined()
  })

  test.skipIf(!hasRealData)('decimals that come as bytes (skipped without UPCOACH_REAL_DATA)', () => {
    const cases = JSON.parse(readFileSync(join(realData, 'decimal_cases.json'), 'utf8')) as {
      base64: string
      scale: number
      value: string
    }[]
    expect(cases.length).toBeGreaterThan(5)
    for (const { base64, scale, value } of cases) {
      expect(decodeDecimal(base64, scale)).toBe(value)
      expect(asNumber({ scale, value: base64 })).toBe(Number(value))
    }
  })
})
