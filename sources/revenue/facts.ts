import { z } from 'zod'
import { intervalSchema } from './interval.ts'
import { amountSchema, pricingSchema } from './pricing.ts'

/**
 * Neutral revenue facts: what one provider event says, in our words, as plain JSON that can be stored beside the raw
 * event. They hold no policy: a fact never changes when a tenant's settings do. Instants are ISO 8601 UTC with
 * milliseconds, so that text order is time order. Ids carry their provider: `stripe:cus_1`, `revenuecat:user-7`.
 */
const instant = z.iso.datetime({ precision: 3 })
const currency = z.string().length(3).toLowerCase()

const origin = {
  provider: z.enum(['stripe', 'revenuecat']),
  /** The provider's own event id: delivered twice, it counts once. */
  event_id: z.string(),
  /** Position among the facts of that event. */
  seq: z.number().int(),
  /** When it takes effect. */
  at: instant,
  /** When the provider says the event happened; breaks ties and late deliveries. */
  reported_at: instant,
  /** The provider's customer, or null where the event does not name one (a refund names only its charge). */
  account: z.string().nullable(),
}

export const couponSchema = z.object({
  coupon: z.string(),
  percent_off: z.number().nullable(),
  /** Amount off per invoice, by currency, in minor units. */
  amount_off: z.record(z.string(), amountSchema),
  duration: z.enum(['once', 'repeating', 'forever']),
  /** Products it is limited to; null: all. */
  products: z.array(z.string()).nullable(),
})
export type Coupon = z.infer<typeof couponSchema>

/** A discount as attached; newer Stripe versions send only its id, or only its coupon's id. */
export const discountSchema = z.object({
  discount: z.string().nullable(),
  coupon: couponSchema.nullable(),
  coupon_id: z.string().nullable(),
  start: instant.nullable(),
  end: instant.nullable(),
})
export type Discount = z.infer<typeof discountSchema>

export const lineSchema = z.object({
  item: z.string(),
  plan: z.string(),
  product: z.string().nullable(),
  currency,
  interval: intervalSchema,
  quantity: z.number().int().nonnegative(),
  pricing: pricingSchema,
  discounts: z.array(discountSchema),
})
export type Line = z.infer<typeof lineSchema>

export const standings = ['paying', 'trial', 'paused', 'unpaid', 'incomplete', 'ended', 'unknown'] as const
export type Standing = (typeof standings)[number]
export const endReasons = ['voluntary', 'involuntary', 'paused', 'refund', 'unknown'] as const
export type EndReason = (typeof endReasons)[number]

const subscription = z.string()
const storePeriod = {
  subscription,
  store: z.string(),
  transaction: z.string().nullable(),
  expires_at: instant.nullable(),
}
const facts = [
  /** The whole state of a subscription (Stripe sends all of it each time). */
  z.object({
    kind: z.literal('subscription_state'),
    ...origin,
    subscription,
    phase: z.enum(['created', 'updated', 'deleted']),
    /** `snapshot`: read from the API in a backfill, not delivered as an event. */
    source: z.enum(['event', 'snapshot']),
    status: z.string(),
    standing: z.enum(standings),
    cancel_requested: z.boolean(),
    end_reason: z.enum(endReasons).nullable(),
    period_end: instant.nullable(),
    trial_end: instant.nullable(),
    lines: z.array(lineSchema),
    discounts: z.array(discountSchema),
    /** More items exist than the event carried. */
    truncated: z.boolean(),
    /** What changed from what: orders events of the same second (see stripe/order.ts). */
    before: z.record(z.string(), z.string()),
    after: z.record(z.string(), z.string()),
  }),
  /** A discount was given to a customer or subscription, changed, or taken away. */
  z.object({
    kind: z.literal('discount'),
    ...origin,
    subscription: subscription.nullable(),
    removed: z.boolean(),
    discount: discountSchema,
  }),
  /** A paid or trial period bought through an app store; lasts until an expiration, whatever `expires_at` says. */
  z.object({
    kind: z.literal('purchase'),
    ...origin,
    subscription,
    store: z.string(),
    product: z.string(),
    period: z.enum(['trial', 'paid']),
    purchased_at: instant,
    expires_at: instant.nullable(),
    transaction: z.string().nullable(),
    /** Minor units of `currency`; null: the provider did not know the price. */
    amount: amountSchema.nullable(),
    currency,
  }),
  z.object({
    kind: z.literal('expiration'),
    ...origin,
    ...storePeriod,
    end_reason: z.enum(endReasons),
  }),
  /** A refund took the access away (app stores); `reinstatement` undoes it. */
  z.object({ kind: z.literal('revocation'), ...origin, ...storePeriod }),
  z.object({ kind: z.literal('reinstatement'), ...origin, ...storePeriod }),
  z.object({
    kind: z.literal('auto_renew'),
    ...origin,
    subscription,
    store: z.string(),
    on: z.boolean(),
    reason: z.string().nullable(),
  }),
  /** A charge failed: the subscription keeps its MRR until it ends. */
  z.object({
    kind: z.literal('billing_issue'),
    ...origin,
    subscription: subscription.nullable(),
    store: z.string().nullable(),
    grace_until: instant.nullable(),
  }),
  z.object({
    kind: z.literal('extension'),
    ...origin,
    subscription,
    store: z.string(),
    expires_at: instant.nullable(),
  }),
  /** Announced, not in effect: the purchase that follows brings it. */
  z.object({
    kind: z.literal('product_change'),
    ...origin,
    subscription,
    store: z.string(),
    product: z.string(),
    new_product: z.string().nullable(),
  }),
  /** Purchases moved from one account to another. */
  z.object({ kind: z.literal('transfer'), ...origin, from: z.array(z.string()), to: z.array(z.string()) }),
  /** These accounts are that member of ours. */
  z.object({ kind: z.literal('identity'), ...origin, member: z.string(), accounts: z.array(z.string()) }),
  /** Money that arrived, net of tax where the provider says the tax. */
  z.object({
    kind: z.literal('payment'),
    ...origin,
    /** Keys of the same money: an invoice, its payment intent and its charge are one payment. */
    documents: z.array(z.string()),
    subscription: subscription.nullable(),
    store: z.string().nullable(),
    currency,
    recurring: amountSchema,
    one_time: amountSchema,
    /** After the store's commission and tax, where known (RevenueCat). */
    proceeds: amountSchema.nullable(),
  }),
  /** Money that went back. `amount` for one refund, or `cumulative` when only the charge's total is known. */
  z.object({
    kind: z.literal('refund'),
    ...origin,
    documents: z.array(z.string()),
    refund: z.string().nullable(),
    store: z.string().nullable(),
    currency,
    amount: amountSchema,
    cumulative: z.boolean(),
    /** False for a refund that failed, or for the reversal of one. */
    stands: z.boolean(),
  }),
  /** Tenant-wide names and prices; they belong to no customer. */
  z.object({
    kind: z.literal('catalogue_price'),
    ...origin,
    plan: z.string(),
    product: z.string().nullable(),
    name: z.string().nullable(),
    pricing: pricingSchema,
    interval: intervalSchema.nullable(),
  }),
  z.object({ kind: z.literal('catalogue_product'), ...origin, product: z.string(), name: z.string() }),
  z.object({ kind: z.literal('catalogue_coupon'), ...origin, coupon: couponSchema }),
] as const

export const revenueFactSchema = z.discriminatedUnion('kind', facts)
export type RevenueFact = z.infer<typeof revenueFactSchema>
export type FactKind = RevenueFact['kind']
export type FactOf<K extends FactKind> = Extract<RevenueFact, { kind: K }>

/** A fact before its event's particulars are added; `at` is the event's own time unless it says otherwise. */
export type FactDraft = RevenueFact extends infer F
  ? F extends RevenueFact
    ? Omit<F, 'provider' | 'event_id' | 'seq' | 'reported_at' | 'at'> & { at?: string }
    : never
  : never

/** The facts of the given kinds, typed as such. */
export function ofKind<K extends FactKind>(all: readonly RevenueFact[], ...kinds: K[]): FactOf<K>[] {
  return all.filter((fact): fact is FactOf<K> => (kinds as FactKind[]).includes(fact.kind))
}

/** Order of facts whose instants are equal when nothing better is known: total, so that folds are order-independent. */
export function byTime(a: RevenueFact, b: RevenueFact): number {
  return (
    compare(a.at, b.at) || compare(a.reported_at, b.reported_at) || compare(a.event_id, b.event_id) || a.seq - b.seq
  )
}

/** Code-unit order: unlike localeCompare it does not depend on the machine's language. */
export const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
