import { z } from 'zod'

/**
 * The fields of RevenueCat's webhook events that revenue depends on (docs: integrations/webhooks/event-types-and-fields).
 * Which of them an event has depends on its type, so all but id, type and time are optional here; each mapping asks for
 * what it needs. `price` is USD and null when unknown; `price_in_purchased_currency` is in `currency`.
 */
/** Up to the year 9999: beyond it no instant can be written. */
const milliseconds = z.number().nonnegative().max(253_402_300_799_999)

export const revenuecatEventShape = z.object({
  id: z.string().min(1),
  type: z.string().min(1),
  event_timestamp_ms: milliseconds,
  app_user_id: z.string().min(1).nullish(),
  original_app_user_id: z.string().nullish(),
  aliases: z.array(z.string()).nullish(),
  product_id: z.string().min(1).nullish(),
  new_product_id: z.string().nullish(),
  period_type: z.string().nullish(),
  purchased_at_ms: milliseconds.nullish(),
  expiration_at_ms: milliseconds.nullish(),
  grace_period_expiration_at_ms: milliseconds.nullish(),
  store: z.string().nullish(),
  environment: z.string().nullish(),
  purchase_environment: z.string().nullish(),
  is_family_share: z.boolean().nullish(),
  is_trial_conversion: z.boolean().nullish(),
  cancel_reason: z.string().nullish(),
  expiration_reason: z.string().nullish(),
  price: z.number().nullish(),
  price_in_purchased_currency: z.number().nullish(),
  currency: z
    .string()
    .regex(/^[A-Za-z]{3}$/)
    .toLowerCase()
    .nullish(),
  tax_percentage: z.number().nullish(),
  commission_percentage: z.number().nullish(),
  transaction_id: z.string().nullish(),
  original_transaction_id: z.string().nullish(),
  transferred_from: z.array(z.string()).nullish(),
  transferred_to: z.array(z.string()).nullish(),
})
export type RevenuecatEvent = z.infer<typeof revenuecatEventShape>

export const revenuecatBodyShape = z.object({ api_version: z.string().nullish(), event: revenuecatEventShape })
