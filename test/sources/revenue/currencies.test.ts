import { describe, expect, test } from 'vitest'
import { minorDigits, stripeScale } from '../../../sources/revenue/currencies.ts'
import { formatRational } from '../../../sources/revenue/rational.ts'
import { describeReal, readRealJson } from './support.ts'

describe('minor units', () => {
  test('follow ISO 4217 in the ledger', () => {
    expect(['JPY', 'usd', 'KWD', 'clf', 'isk', 'mga'].map(minorDigits)).toEqual([0, 2, 3, 4, 0, 2])
  })

  test("Stripe's own rules are converted at the edge: UGX and ISK come in hundredths, MGA in whole ariary", () => {
    const scales = ['usd', 'jpy', 'kwd', 'ugx', 'isk', 'mga'].map((currency) => formatRational(stripeScale(currency)))
    expect(scales).toEqual(['1', '1', '1', '1/100', '1/100', '100'])
  })
})

describeReal('currencies', 'the list of 170 currencies', () => {
  /** Where the list, which describes coins, differs from ISO 4217, which describes accounts. */
  const DIFFERENT: Record<string, string> = {
    huf: 'the filler is out of circulation; ISO and Stripe keep 2 digits',
    mga: 'one ariary is 5 iraimbilanja; ISO keeps 2 digits',
    mru: 'one ouguiya is 5 khoums; ISO keeps 2 digits',
    byr: 'withdrawn in 2017; no ledger has it',
  }

  test('agrees with ours wherever money is paid in it, and the exceptions are named', () => {
    const list = readRealJson('currencies', 'iso.json') as Record<string, { subunit_to_unit: number }>
    const differing = Object.entries(list)
      .filter(([code]) => !/^x(ag|au|b[abcd]|dr|pd|pt|ts)$/.test(code)) // metals, bond units, test code
      .filter(([code, { subunit_to_unit }]) => 10 ** minorDigits(code) !== subunit_to_unit)
      .map(([code]) => code)
    expect(differing.sort()).toEqual(Object.keys(DIFFERENT).sort())
  })
})
