import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { mrrResidual } from '../../../sources/revenue/bridge.ts'
import { majorScale } from '../../../sources/revenue/currencies.ts'
import { foldCustomer } from '../../../sources/revenue/fold.ts'
import { toMicro } from '../../../sources/revenue/money.ts'
import { type PeriodRow, periodRowSchema, stripeEventsOf } from '../../../sources/revenue/periods.ts'
import { multiply, rationalOf } from '../../../sources/revenue/rational.ts'
import { factsOf } from './support.ts'

const rows = (table: string[][]): PeriodRow[] =>
  table.map(([customer, start, end, amount, currency = 'usd', plan]) =>
    periodRowSchema.parse({ customer, start, end, amount, currency, plan }),
  )
const replay = (table: PeriodRow[]) => foldCustomer(factsOf('stripe', ...stripeEventsOf(table)))

describe('a table of periods as Stripe events', () => {
  test('replays to the movements the table tells', () => {
    const { movements } = replay(
      rows([
        ['anna', '2025-01-01', '2025-02-01', '49.90', 'usd', 'basic'],
        ['anna', '2025-02-01', '', '99', 'usd', 'pro'],
        ['bert', '2025-01-10', '2025-01-20', '1200', 'JPY'],
        ['bert', '2025-03-01', '', '1.234', 'kwd'],
        ['cleo', '2025-01-01', '', '500', 'isk'],
      ]),
    )
    expect(
      movements.map(({ customer, at, type, delta, currency, plan }) => [
        customer,
        at.slice(0, 10),
        type,
        delta,
        currency,
        plan,
      ]),
    ).toEqual([
      ['anna', '2025-01-01', 'new', 4_990_000_000n, 'usd', 'basic'],
      ['cleo', '2025-01-01', 'new', 500_000_000n, 'isk', '500-isk-month'],
      ['bert', '2025-01-10', 'new', 1_200_000_000n, 'jpy', '1200-jpy-month'],
      ['bert', '2025-01-20', 'churn', -1_200_000_000n, 'jpy', '1200-jpy-month'],
      ['anna', '2025-02-01', 'expansion', 4_910_000_000n, 'usd', 'pro'],
      ['bert', '2025-03-01', 'reactivation', 1_234_000_000n, 'kwd', '1.234-kwd-month'],
    ])
  })

  test('events are in the order of time and the same on every run', () => {
    const table = rows([
      ['a', '2025-03-01', '2025-04-01', '1'],
      ['b', '2025-01-01T08:00:00+02:00', '2025-01-01T08:00:01+02:00', '2'],
    ])
    const events = stripeEventsOf(table)
    expect(events.map(({ id }) => id)).toEqual([
      'evt_period_1_created',
      'evt_period_1_deleted',
      'evt_period_0_created',
      'evt_period_0_deleted',
    ])
    expect(stripeEventsOf(table)).toEqual(events)
  })

  test.each([
    [{ end: '2024-12-31' }, 'end'],
    [{ end: '2025-01-01' }, 'end'],
    [{ start: '2025-02-30' }, 'start'],
    [{ amount: '-5' }, 'amount'],
    [{ amount: 'ten' }, 'amount'],
    [{ currency: 'dollars' }, 'currency'],
    [{ customer: '' }, 'customer'],
  ])('%j is refused at %s', (wrong, field) => {
    const row = { customer: 'a', start: '2025-01-01', end: '', amount: '10', currency: 'usd', ...wrong }
    const result = periodRowSchema.safeParse(row)
    expect(result.error?.issues.map((issue) => issue.path[0])).toEqual([field])
  })

  test('any table gives the bridge that can be counted from the table itself', () => {
    const day = (offset: number) => new Date(Date.UTC(2025, 0, 1 + offset)).toISOString().slice(0, 10)
    const row = fc
      .record({
        customer: fc.constantFrom('a', 'b', 'c'),
        from: fc.nat(20),
        length: fc.option(fc.integer({ min: 1, max: 20 })),
        amount: fc.constantFrom('10', '19.99', '0.333333', '0'),
        currency: fc.constantFrom('usd', 'eur', 'jpy'),
      })
      .map(({ from, length, ...more }) =>
        periodRowSchema.parse({ ...more, start: day(from), end: length === null ? null : day(from + length) }),
      )
    fc.assert(
      fc.property(fc.array(row, { maxLength: 12 }), (table) => {
        const { bridge } = replay(table)
        for (const { currency, day: on, end, ...rest } of bridge) {
          const running = table.filter(
            (entry) => entry.currency === currency && entry.start <= on && (entry.end == null || entry.end > on),
          )
          const counted = running.reduce(
            (sum, entry) => sum + toMicro(multiply(rationalOf(entry.amount), majorScale(currency))),
            0n,
          )
          expect(end).toBe(counted)
          expect(mrrResidual({ ...rest, end })).toBe(0n)
        }
      }),
      { numRuns: 200 },
    )
  })
})
