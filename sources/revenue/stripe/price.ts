import { stripeScale } from '../currencies.ts'
import type { Interval } from '../interval.ts'
import type { Pricing, Tier } from '../pricing.ts'
import { formatRational, multiply, rationalOf } from '../rational.ts'
import type { StripePrice } from './shapes.ts'

type StripeTier = NonNullable<StripePrice['tiers']>[number]

/** Stripe's amount (integer or decimal text) → ISO minor units as text. */
export const minorText = (amount: string | number, currency: string): string =>
  formatRational(multiply(rationalOf(amount), stripeScale(currency)))

const optionalMinor = (amounts: readonly (string | number | null | undefined)[], currency: string): string | null => {
  const known = amounts.find((amount) => amount != null)
  return known == null ? null : minorText(known, currency)
}

/** Metered usage is not committed revenue: it never counts as MRR. */
export const isMetered = (price: StripePrice): boolean =>
  (price.recurring?.usage_type ?? price.usage_type) === 'metered'

/** The billing interval, or null for a price that is paid once. */
export function intervalOf(price: StripePrice): Interval | null {
  const unit = price.recurring?.interval ?? price.interval
  if (unit == null) return null
  return { unit, count: price.recurring?.interval_count ?? price.interval_count ?? 1 }
}

/**
 * Price per quantity in ISO minor units. `*_decimal` wins over the integer, which is null for fractions of a cent.
 * A tiered price whose tiers were not sent (they never are in webhooks) is `unknown` until the catalogue knows them.
 */
export function pricingOf(price: StripePrice): Pricing {
  const { currency } = price
  if (price.billing_scheme === 'tiered' || (price.tiers?.length ?? 0) > 0) {
    if (!price.tiers?.length || price.tiers_mode == null) return { scheme: 'unknown' }
    return { scheme: 'tiered', mode: price.tiers_mode, tiers: price.tiers.map((tier) => tierOf(tier, currency)) }
  }
  const unit = optionalMinor(
    [price.unit_amount_decimal, price.unit_amount, price.amount_decimal, price.amount],
    currency,
  )
  if (unit === null) return { scheme: 'unknown' }
  const packages = price.transform_quantity ?? price.transform_usage
  return { scheme: 'per_unit', unit, divide: packages ? { by: packages.divide_by, round: packages.round } : null }
}

function tierOf(tier: StripeTier, currency: string): Tier {
  return {
    up_to: typeof tier.up_to === 'number' ? tier.up_to : null,
    unit: optionalMinor([tier.unit_amount_decimal, tier.unit_amount, tier.amount], currency),
    flat: optionalMinor([tier.flat_amount_decimal, tier.flat_amount], currency),
  }
}
