import type { EndReason, FactOf, Line, Standing } from '../facts.ts'
import { discountsOf } from './discount.ts'
import { instantOf, optionalInstant, stripeId } from './names.ts'
import { fingerprint } from './order.ts'
import { intervalOf, isMetered, pricingOf } from './price.ts'
import type { StripeItem, StripeSubscription } from './shapes.ts'

type State = FactOf<'subscription_state'>
export type SubscriptionContent = Omit<
  State,
  'provider' | 'event_id' | 'seq' | 'at' | 'reported_at' | 'phase' | 'source' | 'before'
>

/** Everything revenue needs from a Stripe subscription, whatever its API version. */
export function readSubscription(subscription: StripeSubscription): SubscriptionContent {
  return {
    kind: 'subscription_state',
    account: stripeId(subscription.customer),
    subscription: stripeId(subscription.id),
    status: subscription.status,
    standing: standingOf(subscription),
    cancel_requested: subscription.cancel_at_period_end === true || subscription.cancel_at != null,
    end_reason: endReasonOf(subscription),
    period_end: periodEndOf(subscription),
    trial_end: optionalInstant(subscription.trial_end),
    lines: itemsOf(subscription).flatMap(lineOf),
    discounts: discountsOf(subscription),
    truncated: subscription.items?.has_more === true,
    after: fingerprint(subscription),
  }
}

/** When a subscription ended, never later than the event that says so. */
export function endOf(subscription: StripeSubscription, reported: number): string {
  return instantOf(Math.min(subscription.ended_at ?? reported, reported))
}

function itemsOf(subscription: StripeSubscription): StripeItem[] {
  if (subscription.items != null) return subscription.items.data
  // Before 2015 a subscription had exactly one plan and no items.
  return [{ id: subscription.id, plan: subscription.plan, quantity: subscription.quantity }]
}

/** An item's line; none for metered usage and for prices without an interval. A missing quantity is 1, a 0 stays 0. */
function lineOf(item: StripeItem): Line[] {
  const price = item.price ?? item.plan
  const interval = price ? (intervalOf(price) ?? (item.plan ? intervalOf(item.plan) : null)) : null
  if (!price || interval === null || isMetered(price)) return []
  return [
    {
      item: item.id,
      plan: price.id,
      product: price.product ?? null,
      currency: price.currency,
      interval,
      quantity: item.quantity ?? 1,
      pricing: pricingOf(price),
      discounts: discountsOf(item),
    },
  ]
}

/**
 * `active` and `past_due` pay. `pause_collection` leaves the status alone: invoices that are voided or written off bring
 * nothing, drafts are kept for later and still count.
 */
function standingOf(subscription: StripeSubscription): Standing {
  const behavior = subscription.pause_collection?.behavior
  switch (subscription.status) {
    case 'active':
    case 'past_due':
      return behavior === 'void' || behavior === 'mark_uncollectible' ? 'paused' : 'paying'
    case 'trialing':
      return 'trial'
    case 'paused':
      return 'paused'
    case 'unpaid':
      return 'unpaid'
    case 'incomplete':
      return 'incomplete'
    case 'canceled':
    case 'incomplete_expired':
      return 'ended'
    default:
      return 'unknown'
  }
}

function endReasonOf(subscription: StripeSubscription): EndReason | null {
  if (subscription.status === 'unpaid') return 'involuntary'
  if (subscription.pause_collection != null || subscription.status === 'paused') return 'paused'
  switch (subscription.cancellation_details?.reason) {
    case 'payment_failed':
    case 'payment_disputed':
      return 'involuntary'
    case 'cancellation_requested':
      return 'voluntary'
    default:
      return subscription.status === 'canceled' ? 'unknown' : null
  }
}

/** Since basil (2025-03-31) the period is on the items; the subscription is paid until the last of them. */
function periodEndOf(subscription: StripeSubscription): string | null {
  const ends = itemsOf(subscription).flatMap((item) => item.current_period_end ?? [])
  return optionalInstant(subscription.current_period_end ?? (ends.length > 0 ? Math.max(...ends) : null))
}
