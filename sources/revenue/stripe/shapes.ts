import { z } from 'zod'

/**
 * The parts of Stripe's objects that revenue depends on, over old and new API versions. Tolerant: unknown fields are
 * dropped, everything that some version lacks is optional, an expanded object may stand where an id is usual. What is
 * required here is what no figure can do without.
 */
const decimal = z.union([z.number(), z.string().regex(/^-?\d+(\.\d+)?$/)])
/** Seconds, up to the year 9999: beyond it no instant can be written. */
const unix = z.number().nonnegative().max(253_402_300_799)
const reference = z.union([z.string(), z.object({ id: z.string() }).transform((object) => object.id)])
const currency = z
  .string()
  .regex(/^[A-Za-z]{3}$/)
  .toLowerCase()
const metadata = z.record(z.string(), z.unknown()).nullish()
const interval = z.enum(['day', 'week', 'month', 'year'])
const divide = z.object({ divide_by: z.number().int().positive(), round: z.enum(['up', 'down']) }).nullish()

const tier = z.object({
  up_to: z.union([z.number(), z.literal('inf')]).nullish(),
  unit_amount: decimal.nullish(),
  unit_amount_decimal: decimal.nullish(),
  flat_amount: decimal.nullish(),
  flat_amount_decimal: decimal.nullish(),
  /** Plans before 2019. */
  amount: decimal.nullish(),
})

/** A price or its predecessor, the plan: one shape, since some fixtures mix the two. */
export const priceShape = z.object({
  id: z.string(),
  currency: z.string().toLowerCase(),
  product: reference.nullish(),
  nickname: z.string().nullish(),
  name: z.string().nullish(),
  billing_scheme: z.string().nullish(),
  unit_amount: decimal.nullish(),
  unit_amount_decimal: decimal.nullish(),
  amount: decimal.nullish(),
  amount_decimal: decimal.nullish(),
  recurring: z
    .object({ interval, interval_count: z.number().int().positive().nullish(), usage_type: z.string().nullish() })
    .nullish(),
  interval: interval.nullish(),
  interval_count: z.number().int().positive().nullish(),
  usage_type: z.string().nullish(),
  tiers: z.array(tier).nullish(),
  tiers_mode: z.enum(['volume', 'graduated']).nullish(),
  transform_quantity: divide,
  transform_usage: divide,
})
export type StripePrice = z.infer<typeof priceShape>

export const couponShape = z.object({
  id: z.string(),
  percent_off: z.number().nullish(),
  amount_off: decimal.nullish(),
  currency: z.string().nullish(),
  currency_options: z.record(z.string(), z.object({ amount_off: decimal })).nullish(),
  duration: z.enum(['once', 'repeating', 'forever']),
  applies_to: z.object({ products: z.array(z.string()).nullish() }).nullish(),
})
export type StripeCoupon = z.infer<typeof couponShape>

const couponOrId = z.union([z.string(), couponShape])
/** `coupon` until 2025-08, then `source.coupon` (clover); either may be an id only. */
export const discountShape = z.object({
  id: z.string().nullish(),
  coupon: couponOrId.nullish(),
  source: z.object({ coupon: couponOrId.nullish() }).nullish(),
  start: unix.nullish(),
  end: unix.nullish(),
  customer: reference.nullish(),
  subscription: reference.nullish(),
  subscription_item: reference.nullish(),
  invoice: reference.nullish(),
  invoice_item: reference.nullish(),
})
export type StripeDiscount = z.infer<typeof discountShape>
const discounts = z.array(z.union([z.string(), discountShape])).nullish()

const itemShape = z
  .object({
    id: z.string(),
    price: priceShape.nullish(),
    plan: priceShape.nullish(),
    quantity: z.number().int().nonnegative().nullish(),
    discounts,
    current_period_start: unix.nullish(),
    current_period_end: unix.nullish(),
  })
  .refine((item) => item.price != null || item.plan != null, {
    message: 'an item needs a price or a plan',
    path: ['price'],
  })
export type StripeItem = z.infer<typeof itemShape>

export const subscriptionShape = z
  .object({
    id: z.string(),
    customer: reference,
    status: z.string(),
    items: z.object({ data: z.array(itemShape), has_more: z.boolean().nullish() }).nullish(),
    plan: priceShape.nullish(),
    quantity: z.number().int().nonnegative().nullish(),
    discount: discountShape.nullish(),
    discounts,
    created: unix.nullish(),
    start: unix.nullish(),
    start_date: unix.nullish(),
    ended_at: unix.nullish(),
    cancel_at: unix.nullish(),
    cancel_at_period_end: z.boolean().nullish(),
    canceled_at: unix.nullish(),
    cancellation_details: z.object({ reason: z.string().nullish() }).nullish(),
    current_period_start: unix.nullish(),
    current_period_end: unix.nullish(),
    trial_start: unix.nullish(),
    trial_end: unix.nullish(),
    pause_collection: z.object({ behavior: z.string() }).nullish(),
    metadata,
  })
  .refine((subscription) => subscription.items != null || subscription.plan != null, {
    message: 'a subscription needs items or a plan',
    path: ['items'],
  })
export type StripeSubscription = z.infer<typeof subscriptionShape>

const invoiceLine = z.object({
  amount: z.number(),
  type: z.string().nullish(),
  parent: z.object({ type: z.string().nullish() }).nullish(),
})
export const invoiceShape = z.object({
  id: z.string(),
  customer: reference.nullish(),
  currency,
  amount_paid: z.number(),
  total: z.number().nullish(),
  total_excluding_tax: z.number().nullish(),
  tax: z.number().nullish(),
  subscription: reference.nullish(),
  parent: z.object({ subscription_details: z.object({ subscription: reference.nullish() }).nullish() }).nullish(),
  charge: reference.nullish(),
  payment_intent: reference.nullish(),
  lines: z.object({ data: z.array(invoiceLine) }).nullish(),
})
export type StripeInvoice = z.infer<typeof invoiceShape>

export const refundShape = z.object({
  id: z.string(),
  amount: z.number(),
  currency,
  status: z.string().nullish(),
  charge: reference.nullish(),
  payment_intent: reference.nullish(),
  created: unix.nullish(),
})
export type StripeRefund = z.infer<typeof refundShape>

export const chargeShape = z.object({
  id: z.string(),
  customer: reference.nullish(),
  amount: z.number(),
  amount_refunded: z.number().nullish(),
  currency,
  captured: z.boolean().nullish(),
  /** Missing since basil (2025-03-31): then the charge does not say whether an invoice asked for it. */
  invoice: reference.nullish(),
  payment_intent: reference.nullish(),
  refunds: z.object({ data: z.array(refundShape) }).nullish(),
})
export type StripeCharge = z.infer<typeof chargeShape>

export const checkoutShape = z.object({
  id: z.string(),
  mode: z.string().nullish(),
  payment_status: z.string().nullish(),
  customer: reference.nullish(),
  client_reference_id: z.string().nullish(),
  currency: currency.nullish(),
  amount_total: z.number().nullish(),
  total_details: z.object({ amount_tax: z.number().nullish() }).nullish(),
  payment_intent: reference.nullish(),
  invoice: reference.nullish(),
  metadata,
})
export type StripeCheckout = z.infer<typeof checkoutShape>

export const customerShape = z.object({ id: z.string(), metadata })
export const productShape = z.object({ id: z.string(), name: z.string() })

export const eventShape = z.object({
  id: z.string(),
  object: z.literal('event'),
  type: z.string(),
  created: unix,
  api_version: z.string().nullish(),
  data: z.object({
    object: z.record(z.string(), z.unknown()),
    previous_attributes: z.record(z.string(), z.unknown()).nullish(),
  }),
})
export type StripeEvent = z.infer<typeof eventShape>
