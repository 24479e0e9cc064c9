import { expect, test } from 'vitest'
import { minorDigits } from '../../../sources/revenue/currencies.ts'
import { ofKind } from '../../../sources/revenue/facts.ts'
import { foldCustomer } from '../../../sources/revenue/fold.ts'
import { toMicro } from '../../../sources/revenue/money.ts'
import { monthlyValue } from '../../../sources/revenue/monthly-value.ts'
import { DEFAULT_POLICY, type RevenuePolicy } from '../../../sources/revenue/policy.ts'
import { formatRational, rationalOf } from '../../../sources/revenue/rational.ts'
import { describeReal, factsOf, readRealJson } from './support.ts'

type Case = {
  name: string
  expected: {
    gross_monthly_minor: Record<string, string>
    currency: string
    minor_digits: number
    counted_in_mrr: boolean
  }
  event: unknown
}
const CONVENTIONS: Record<string, RevenuePolicy> = {
  week52_12_day365_12: DEFAULT_POLICY,
  day30_week4: { ...DEFAULT_POLICY, weekly_factor: '4', daily_factor: '30' },
  'day30.437_week4.345': { ...DEFAULT_POLICY, weekly_factor: '4.345', daily_factor: '30.437' },
}

describeReal('stripe_derived', 'one real subscription turned into every interval and currency', () => {
  const cases = readRealJson('stripe_derived', 'cases.json') as Case[]

  test.each(cases)('$name has the expected monthly value under each convention', ({ expected, event }) => {
    const [state] = ofKind(factsOf('stripe', event), 'subscription_state')
    if (state === undefined) throw new Error('no state')
    expect(minorDigits(expected.currency)).toBe(expected.minor_digits)
    expect(Object.keys(CONVENTIONS).sort()).toEqual(Object.keys(expected.gross_monthly_minor).sort())
    for (const [convention, policy] of Object.entries(CONVENTIONS)) {
      const { values, issues } = monthlyValue(state, policy)
      expect(issues).toEqual([])
      expect(values.map(({ currency, exact }) => [currency, formatRational(exact)])).toEqual([
        [expected.currency, expected.gross_monthly_minor[convention]],
      ])
    }
  })

  test.each(cases)('$name enters the ledger as new, rounded once', ({ expected, event }) => {
    const { movements } = foldCustomer(factsOf('stripe', event))
    const value = toMicro(rationalOf(expected.gross_monthly_minor.week52_12_day365_12 ?? ''))
    expect(expected.counted_in_mrr).toBe(true)
    expect(movements.map(({ type, currency, delta }) => [type, currency, delta])).toEqual([
      ['new', expected.currency, value],
    ])
  })
})
