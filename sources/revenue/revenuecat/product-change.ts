import { byTime, compare, type FactOf, ofKind, type RevenueFact } from '../facts.ts'
import type { Replacement } from './timeline.ts'

/** A change and the purchase that brings it may be stamped in either order, within this. */
const SLACK_MS = 3_600_000

/**
 * PRODUCT_CHANGE only announces. When the purchase of the new product comes as a subscription of its own (Google Play), it
 * ends the old one at that instant, so that the customer is never counted with both; within one subscription the purchase
 * simply replaces the value. Returns, per replaced subscription, when and by which events. `facts` are one customer's.
 */
export function productChanges(facts: readonly RevenueFact[]): Map<string, Replacement[]> {
  const purchases = ofKind(facts, 'purchase').sort(byTime)
  const replacements = new Map<string, Replacement[]>()
  for (const change of ofKind(facts, 'product_change').sort(byTime)) {
    const earliest = new Date(Date.parse(change.at) - SLACK_MS).toISOString()
    const successor = purchases.find((purchase) => purchase.at >= earliest && brings(change, purchase))
    if (successor === undefined || successor.subscription === change.subscription) continue
    const known = replacements.get(change.subscription) ?? []
    const event_ids = [change.event_id, successor.event_id].sort(compare)
    replacements.set(change.subscription, [...known, { at: successor.at, event_ids }])
  }
  return replacements
}

/** The purchase of the announced product in the same store; of any other product where the new one is not named. */
function brings(change: FactOf<'product_change'>, purchase: FactOf<'purchase'>): boolean {
  if (purchase.store !== change.store) return false
  return change.new_product === null ? purchase.product !== change.product : purchase.product === change.new_product
}
