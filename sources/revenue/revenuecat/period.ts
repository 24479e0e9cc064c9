import { type Interval, monthlyFactor } from '../interval.ts'
import type { RevenuePolicy } from '../policy.ts'
import { divide, type Rational, rational, rationalOf } from '../rational.ts'

const DAY_MS = 86_400_000n

/**
 * RevenueCat's webhooks carry no duration, only dates that are a little long or short (31-day months, leap years, hours of
 * slack on Google Play). These are RevenueCat's own bands (scheduled export, sample queries); a period outside them is
 * taken by its days. The product's name is not consulted: `onemonth_no_trial` in the documentation lasts a week.
 */
const BANDS: readonly (readonly [fromDays: number, toDays: number, interval: Interval])[] = [
  [0.5, 1.5, { unit: 'day', count: 1 }],
  [2.5, 3.5, { unit: 'day', count: 3 }],
  [6, 8, { unit: 'week', count: 1 }],
  [12, 16, { unit: 'week', count: 2 }],
  [27, 33, { unit: 'month', count: 1 }],
  [58, 62, { unit: 'month', count: 2 }],
  [88, 95, { unit: 'month', count: 3 }],
  [179, 185, { unit: 'month', count: 6 }],
  [363, 375, { unit: 'year', count: 1 }],
]

/**
 * What one period's price is worth per month: by the tenant's interval for the product if it set one, else by the dates.
 * Null for a period without an end or without a length: it cannot be spread over months.
 */
export function periodFactor(
  purchasedAt: string,
  expiresAt: string | null,
  interval: Interval | undefined,
  policy: RevenuePolicy,
): Rational | null {
  if (interval !== undefined) return monthlyFactor(interval, policy)
  if (expiresAt === null) return null
  const ms = Date.parse(expiresAt) - Date.parse(purchasedAt)
  if (ms <= 0) return null
  const days = ms / Number(DAY_MS)
  const band = BANDS.find(([from, to]) => days >= from && days <= to)
  if (band !== undefined) return monthlyFactor(band[2], policy)
  return divide(rationalOf(policy.daily_factor), rational(BigInt(ms), DAY_MS))
}
