import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatMicro, toMicro, toMinor } from '../../../sources/revenue/money.ts'
import {
  add,
  divide,
  formatRational,
  multiply,
  rational,
  rationalOf,
  roundHalfEven,
  subtract,
} from '../../../sources/revenue/rational.ts'

describe('exact fractions', () => {
  test('are read from decimals, exponents and fractions digit by digit', () => {
    expect(
      ['12', '-0.5', '.25', '1e-3', '2.5E2', '52/12', '0.1/0.3'].map((text) => formatRational(rationalOf(text))),
    ).toEqual(['12', '-1/2', '1/4', '1/1000', '250', '13/3', '1/3'])
    expect(formatRational(rationalOf(0.1))).toBe('1/10')
    expect(formatRational(rationalOf(4.35))).toBe('87/20')
  })

  test.each(['', 'abc', '1.2.3', '1/2/3', '1/', '--1', 'NaN', 'Infinity', '0x10'])('%j is not a number', (text) => {
    expect(() => rationalOf(text)).toThrow(RangeError)
  })

  test('a denominator of 0 is refused', () => {
    expect(() => rational(1n, 0n)).toThrow(RangeError)
  })

  test('round a half to the even neighbour, on both sides of 0', () => {
    const halves = [-5n, -3n, -1n, 1n, 3n, 5n].map((n) => roundHalfEven(rational(n, 2n)))
    expect(halves).toEqual([-2n, -2n, 0n, 0n, 2n, 2n])
    expect(roundHalfEven(rational(-7n, 3n))).toBe(-2n)
    expect(roundHalfEven(rational(8n, 3n))).toBe(3n)
  })

  test('obey the laws of arithmetic', () => {
    const fraction = fc
      .tuple(fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n }), fc.bigInt({ min: 1n, max: 10n ** 6n }))
      .map(([n, d]) => rational(n, d))
    fc.assert(
      fc.property(fraction, fraction, fraction, (a, b, c) => {
        expect(multiply(a, add(b, c))).toEqual(add(multiply(a, b), multiply(a, c)))
        expect(subtract(add(a, b), b)).toEqual(a)
        if (b.n !== 0n) expect(multiply(divide(a, b), b)).toEqual(a)
        const error = subtract(a, rational(roundHalfEven(a)))
        expect(2n * (error.n < 0n ? -error.n : error.n) <= error.d).toBe(true)
      }),
    )
  })
})

describe('money', () => {
  test('a third of 80.00 keeps six decimals of a cent and rounds only when shown', () => {
    const micro = toMicro(rationalOf('8000/3'))
    expect(micro).toBe(2_666_666_667n)
    expect(toMinor(micro)).toBe(2667n)
    expect(formatMicro(micro, 'usd')).toBe('26.67')
    expect(formatMicro(-micro, 'usd')).toBe('-26.67')
  })

  test('is shown with the digits of its currency', () => {
    const micro = 1_234_000_000n
    expect(['jpy', 'USD', 'kwd', 'clf'].map((currency) => formatMicro(micro, currency))).toEqual([
      '1234',
      '12.34',
      '1.234',
      '0.1234',
    ])
    expect(formatMicro(5_000_000n, 'eur')).toBe('0.05')
  })
})
