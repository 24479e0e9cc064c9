import { majorScale } from '../currencies.ts'
import { formatRational, multiply, type Rational, rationalOf, subtract } from '../rational.ts'
import type { RevenuecatEvent } from './shapes.ts'

export const accountOf = (appUserId: string): string => `revenuecat:${appUserId}`

const OPAQUE_ID = /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$/
/** App user ids we set are our members' ids; `$RCAnonymousID:…` and e-mail addresses are not. */
export const isMember = (appUserId: string): boolean => OPAQUE_ID.test(appUserId)

export const instantOfMs = (ms: number): string => new Date(ms).toISOString()
export const optionalInstantOfMs = (ms: number | null | undefined): string | null =>
  ms == null ? null : instantOfMs(ms)

/**
 * A store keeps one original transaction per subscription through renewals and resubscriptions. Where it is missing, one
 * subscription per account and product is the best that can be said.
 */
export function subscriptionOf(event: RevenuecatEvent): string {
  const original = event.original_transaction_id ?? `${event.app_user_id ?? ''}/${event.product_id ?? ''}`
  return `revenuecat:${event.store ?? 'UNKNOWN'}:${original}`
}

export const transactionOf = (event: RevenuecatEvent): string | null =>
  event.transaction_id ? `revenuecat:transaction:${event.transaction_id}` : null

/** The price in the currency it was paid in, else the USD price; in minor units, null when both are unknown. */
export function priceOf(event: RevenuecatEvent): { amount: Rational | null; currency: string } {
  const { price_in_purchased_currency: local, price, currency } = event
  if (local != null && currency != null) return { amount: multiply(rationalOf(local), majorScale(currency)), currency }
  if (price != null) return { amount: multiply(rationalOf(price), majorScale('usd')), currency: 'usd' }
  return { amount: null, currency: currency ?? 'usd' }
}

/** price × (1 − tax_percentage − commission_percentage); null when RevenueCat knows neither. */
export function proceedsOf(amount: Rational, event: RevenuecatEvent): string | null {
  const { tax_percentage: tax, commission_percentage: commission } = event
  if (tax == null && commission == null) return null
  const kept = subtract(subtract(rationalOf(1), rationalOf(tax ?? 0)), rationalOf(commission ?? 0))
  return formatRational(multiply(amount, kept))
}
