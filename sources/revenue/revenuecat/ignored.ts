import type { RevenuecatEvent } from './shapes.ts'

/** Why an event of any type is left out, or null: test and sandbox traffic, and access that nobody paid for. */
export function excludedReason(event: RevenuecatEvent): string | null {
  if (event.type === 'TEST') return 'a test from the dashboard'
  if ((event.environment ?? event.purchase_environment) === 'SANDBOX') return 'sandbox'
  if (event.store === 'PROMOTIONAL' || event.period_type === 'PROMOTIONAL') return 'promotional access is not paid for'
  if (event.is_family_share === true) return 'family sharing: somebody else pays'
  return null
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ['SUBSCRIPTION_PAUSED', 'announces a pause; the EXPIRATION that follows ends the subscription'],
  ['TEMPORARY_ENTITLEMENT_GRANT', 'access for at most a day while the store is unreachable; no purchase yet'],
  ['EXPERIMENT_ENROLLMENT', 'no money'],
  ['VIRTUAL_CURRENCY_TRANSACTION', 'no money: the purchase that paid for it has its own event'],
  ['INVOICE_ISSUANCE', 'an invoice was issued, not paid'],
])

export const ignoredReason = (type: string): string => REASONS.get(type) ?? 'unknown event type: stored, not folded'
