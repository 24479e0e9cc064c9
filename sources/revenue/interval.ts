import { z } from 'zod'
import type { RevenuePolicy } from './policy.ts'
import { divide, type Rational, rational, rationalOf } from './rational.ts'

/** A billing interval: every `count` days, weeks, months or years. */
export const intervalSchema = z.object({
  unit: z.enum(['day', 'week', 'month', 'year']),
  count: z.number().int().positive(),
})
export type Interval = z.infer<typeof intervalSchema>

/**
 * What one period's price is worth per month: month 1/n, year 1/(12n), week and day by the policy's convention
 * (52/12 and 365/12 unless set otherwise).
 */
export function monthlyFactor(interval: Interval, policy: RevenuePolicy): Rational {
  const count = rational(BigInt(interval.count))
  switch (interval.unit) {
    case 'month':
      return divide(rational(1n), count)
    case 'year':
      return divide(rational(1n, 12n), count)
    case 'week':
      return divide(rationalOf(policy.weekly_factor), count)
    case 'day':
      return divide(rationalOf(policy.daily_factor), count)
    default:
      return interval.unit satisfies never
  }
}
