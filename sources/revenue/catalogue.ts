import { byTime, type Coupon, ofKind, type RevenueFact } from './facts.ts'
import type { Interval } from './interval.ts'
import type { Pricing } from './pricing.ts'

/**
 * What a tenant sells: names for the plan breakdown, tiers and coupons that subscriptions only refer to by id, and the
 * billing interval of app-store products, which RevenueCat's webhooks do not carry.
 */
export type Catalogue = {
  prices: ReadonlyMap<string, { pricing: Pricing; name: string | null; product: string | null }>
  products: ReadonlyMap<string, string>
  coupons: ReadonlyMap<string, Coupon>
  /** Interval per app-store product id, a tenant's setting; without it the period's dates decide. */
  intervals: ReadonlyMap<string, Interval>
}

/** Builds the catalogue from any facts (others are skipped); the latest name wins, a known price is never forgotten. */
export function catalogueOf(
  facts: readonly RevenueFact[],
  intervals: Readonly<Record<string, Interval>> = {},
): Catalogue {
  const prices = new Map<string, { pricing: Pricing; name: string | null; product: string | null }>()
  const products = new Map<string, string>()
  const coupons = new Map<string, Coupon>()
  for (const fact of ofKind(facts, 'catalogue_price', 'catalogue_product', 'catalogue_coupon').sort(byTime)) {
    switch (fact.kind) {
      case 'catalogue_price': {
        const known = prices.get(fact.plan)
        const pricing = fact.pricing.scheme === 'unknown' ? (known?.pricing ?? fact.pricing) : fact.pricing
        prices.set(fact.plan, { pricing, name: fact.name, product: fact.product })
        break
      }
      case 'catalogue_product':
        products.set(fact.product, fact.name)
        break
      case 'catalogue_coupon':
        coupons.set(fact.coupon.coupon, fact.coupon)
        break
      default:
        fact satisfies never
    }
  }
  return { prices, products, coupons, intervals: new Map(Object.entries(intervals)) }
}

/** What to call a plan: its price's own name, else its product's, else its id. */
export function planName(plan: string, product: string | null, catalogue: Catalogue): string {
  const price = catalogue.prices.get(plan)
  return price?.name ?? catalogue.products.get(product ?? price?.product ?? '') ?? plan
}
