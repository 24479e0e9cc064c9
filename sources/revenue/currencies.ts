import { type Rational, rational } from './rational.ts'

/**
 * How many decimals a currency's minor unit has. The ledger keeps ISO 4217 minor units (JPY 0, USD 2, KWD 3); providers
 * have their own ideas, which are converted at the edge.
 */
const words = (list: string): readonly string[] => list.split(' ')
const ISO_DIGITS: ReadonlyMap<string, number> = new Map([
  ...words('bif clp djf gnf isk jpy kmf krw pyg rwf ugx uyi vnd vuv xaf xof xpf').map((code) => [code, 0] as const),
  ...words('bhd iqd jod kwd lyd omr tnd').map((code) => [code, 3] as const),
  ...words('clf uyw').map((code) => [code, 4] as const),
])

/**
 * Stripe's API amounts (docs.stripe.com/currencies): MGA has no decimals there; ISK and UGX have none in ISO but are still
 * sent as hundredths for backward compatibility. Everything else follows ISO.
 */
const STRIPE_DIGITS: ReadonlyMap<string, number> = new Map([
  ['mga', 0],
  ['isk', 2],
  ['ugx', 2],
])

/** ISO 4217 decimals of a currency; 2 when the code is not in the table. */
export const minorDigits = (currency: string): number => ISO_DIGITS.get(currency.toLowerCase()) ?? 2

/** Factor from Stripe's integer amounts to ISO minor units; 1 for all but MGA, ISK and UGX. */
export function stripeScale(currency: string): Rational {
  const code = currency.toLowerCase()
  return powerOfTen(minorDigits(code) - (STRIPE_DIGITS.get(code) ?? minorDigits(code)))
}

/** Factor from an amount in whole currency units (RevenueCat's 7.99) to minor units. */
export const majorScale = (currency: string): Rational => powerOfTen(minorDigits(currency))

function powerOfTen(exponent: number): Rational {
  return exponent >= 0 ? rational(10n ** BigInt(exponent)) : rational(1n, 10n ** BigInt(-exponent))
}
