import { minorDigits } from './currencies.ts'
import { multiply, type Rational, rational, roundHalfEven } from './rational.ts'

/**
 * The ledger's unit: a millionth of a minor unit (0.000001 cent), as an integer. A monthly value is rounded to it exactly
 * once, per subscription, plan and currency; after that every number in the ledger is a sum of integers, so sums are
 * exact, associative and the same in TypeScript and SQL (`bigint`, up to 92 billion major units). The error is at most
 * half a millionth of a cent per subscription: three quarterly subscriptions of 80.00 sum to 8000.000001 cents.
 */
export type Micro = bigint

const MICRO_PER_MINOR = 1_000_000n

/** Minor units (exact) → micro-minor units, half to even. */
export const toMicro = (minor: Rational): Micro => roundHalfEven(multiply(minor, rational(MICRO_PER_MINOR)))

/** Micro-minor units → whole minor units (cents), half to even: the last step before a figure is shown. */
export const toMinor = (micro: Micro): bigint => roundHalfEven(rational(micro, MICRO_PER_MINOR))

/** `12.34` for 1234 cents: a decimal text in major units, rounded to the currency's own digits. */
export function formatMicro(micro: Micro, currency: string): string {
  const digits = minorDigits(currency)
  const minor = toMinor(micro)
  const text = (minor < 0n ? -minor : minor).toString().padStart(digits + 1, '0')
  const whole = text.slice(0, text.length - digits)
  const sign = minor < 0n ? '-' : ''
  return digits === 0 ? `${sign}${whole}` : `${sign}${whole}.${text.slice(-digits)}`
}
