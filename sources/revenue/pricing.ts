import { z } from 'zod'
import { add, multiply, type Rational, rational, rationalOf, ZERO } from './rational.ts'

/** A decimal or fraction as text, in ISO minor units; facts are JSON, so no big integers and no floating point. */
export const amountSchema = z.string().regex(/^-?\d+(\.\d+)?(\/\d+)?$/)

const tierSchema = z.object({
  /** Last quantity of the tier; null: without end. */
  up_to: z.number().nullable(),
  unit: amountSchema.nullable(),
  flat: amountSchema.nullable(),
})
export type Tier = z.infer<typeof tierSchema>

/** How a price turns a quantity into an amount per period. `unknown`: the provider did not say (tiers are not in webhooks). */
export const pricingSchema = z.discriminatedUnion('scheme', [
  z.object({
    scheme: z.literal('per_unit'),
    unit: amountSchema,
    /** Packages: the quantity is divided by `by` and rounded before it is priced. */
    divide: z.object({ by: z.number().int().positive(), round: z.enum(['up', 'down']) }).nullable(),
  }),
  z.object({ scheme: z.literal('tiered'), mode: z.enum(['volume', 'graduated']), tiers: z.array(tierSchema) }),
  z.object({ scheme: z.literal('unknown') }),
])
export type Pricing = z.infer<typeof pricingSchema>

/** Amount per period in minor units for a quantity, or null when the price is unknown. Quantity 0 costs 0 per unit. */
export function amountFor(pricing: Pricing, quantity: number): Rational | null {
  switch (pricing.scheme) {
    case 'per_unit':
      return multiply(rationalOf(pricing.unit), rational(packages(quantity, pricing.divide)))
    case 'tiered':
      return pricing.mode === 'volume' ? volume(pricing.tiers, quantity) : graduated(pricing.tiers, quantity)
    case 'unknown':
      return null
    default:
      return pricing satisfies never
  }
}

function packages(quantity: number, divide: { by: number; round: 'up' | 'down' } | null): bigint {
  if (divide === null) return BigInt(quantity)
  const [units, by] = [BigInt(quantity), BigInt(divide.by)]
  return units / by + (divide.round === 'up' && units % by > 0n ? 1n : 0n)
}

const within = (tier: Tier, quantity: number): boolean => tier.up_to === null || quantity <= tier.up_to
const optional = (amount: string | null): Rational => (amount === null ? ZERO : rationalOf(amount))

/** Volume: the one tier the whole quantity falls into sets the price of every unit, plus its flat fee. */
function volume(tiers: readonly Tier[], quantity: number): Rational {
  const tier = tiers.find((candidate) => within(candidate, quantity)) ?? tiers.at(-1)
  if (tier === undefined) return ZERO
  return add(multiply(optional(tier.unit), rational(BigInt(quantity))), optional(tier.flat))
}

/** Graduated: each tier prices the units that fall into it, and its flat fee is owed once the tier is reached (the first always). */
function graduated(tiers: readonly Tier[], quantity: number): Rational {
  let total = ZERO
  let below = 0
  for (const tier of tiers) {
    if (below > 0 && quantity <= below) break
    const upper = tier.up_to === null ? quantity : Math.min(tier.up_to, quantity)
    total = add(total, multiply(optional(tier.unit), rational(BigInt(Math.max(upper - below, 0)))))
    total = add(total, optional(tier.flat))
    below = tier.up_to ?? quantity
    if (tier.up_to === null) break
  }
  return total
}
