import { z } from 'zod'

/**
 * The choices on which vendors differ. Each is a tenant's setting; together they have a version that every response
 * names, so that two figures are only ever compared under one policy.
 */
export const revenuePolicySchema = z.strictObject({
  /** When a cancelled subscription leaves MRR: with the paid period (ProfitWell, RevenueCat) or at the request (Stripe's API call). */
  churn_recognised: z.enum(['period_end', 'request']).default('period_end'),
  /** Which discounts lower MRR: `forever` coupons only, or repeating ones too while they last. `once` never does. */
  discounts: z.enum(['permanent', 'recurring']).default('permanent'),
  /** Weeks in a month. 4 reproduces RevenueCat's charts, 4.345 some spreadsheets. */
  weekly_factor: z.enum(['52/12', '4', '4.345']).default('52/12'),
  /** Days in a month. 30 reproduces RevenueCat, Recurly and Paddle. */
  daily_factor: z.enum(['365/12', '30', '30.437']).default('365/12'),
  /** RevenueCat rows with `store=STRIPE`: `ignore` when the tenant also sends Stripe webhooks (one owner per store). */
  revenuecat_stripe_rows: z.enum(['ignore', 'count']).default('ignore'),
})
export type RevenuePolicy = z.infer<typeof revenuePolicySchema>

export const DEFAULT_POLICY: RevenuePolicy = revenuePolicySchema.parse({})

/** Raise when the same policy would give other figures because the fold changed. */
const FOLD_VERSION = 1

/** One line that names the fold and every choice, e.g. `mrr1 churn=period_end discounts=permanent week=52/12 …`. */
export function policyVersion(policy: RevenuePolicy): string {
  return [
    `mrr${FOLD_VERSION}`,
    `churn=${policy.churn_recognised}`,
    `discounts=${policy.discounts}`,
    `week=${policy.weekly_factor}`,
    `day=${policy.daily_factor}`,
    `revenuecat_stripe=${policy.revenuecat_stripe_rows}`,
  ].join(' ')
}
