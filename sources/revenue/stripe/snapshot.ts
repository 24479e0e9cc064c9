import type { FactDraft } from '../facts.ts'
import { instantOf } from './names.ts'
import type { StripeSubscription } from './shapes.ts'
import { endOf, readSubscription } from './subscription.ts'

/** The type under which a backfill stores what it read; Stripe sends no such event. */
export const SNAPSHOT_TYPE = 'upcoach.subscription.snapshot'

/**
 * A subscription object from the API (backfill) says where it stands, not how it got there: it is read as a start with
 * today's items, a trial before that if there was one, and an end if it has ended. The fold uses it only for what no
 * delivered event covers, so a backfill beside webhooks counts nothing twice.
 */
export function snapshotFacts(subscription: StripeSubscription, fetched: number): FactDraft[] {
  const content = readSubscription(subscription)
  const base = { ...content, source: 'snapshot' as const, before: {}, end_reason: null }
  const started = subscription.start_date ?? subscription.start ?? subscription.created ?? fetched
  const trialEnd = subscription.trial_end != null && subscription.trial_end > started ? subscription.trial_end : null
  const ended = content.standing === 'ended' ? (subscription.ended_at ?? subscription.canceled_at ?? fetched) : null
  const drafts: FactDraft[] = []
  if (trialEnd !== null) {
    drafts.push({ ...base, phase: 'created', status: 'trialing', standing: 'trial', at: instantOf(started) })
  }
  const paysFrom = trialEnd ?? started
  if (content.standing === 'ended' ? ended !== null && ended > paysFrom : content.standing !== 'trial') {
    const standing = content.standing === 'ended' ? 'paying' : content.standing
    const phase = trialEnd === null ? 'created' : 'updated'
    drafts.push({
      ...base,
      phase,
      standing,
      status: standing === 'paying' ? 'active' : content.status,
      at: instantOf(paysFrom),
    })
  }
  if (ended !== null) {
    drafts.push({ ...base, phase: 'deleted', end_reason: content.end_reason, at: endOf(subscription, ended) })
  }
  return drafts
}

/** The event a backfill stores for a subscription it read: same subscription in the same state, same id. */
export function snapshotEvent(subscription: { id: string; status: string }, fetchedAt: Date): Record<string, unknown> {
  return {
    id: `snapshot_${subscription.id}_${subscription.status}`,
    object: 'event',
    type: SNAPSHOT_TYPE,
    created: Math.floor(fetchedAt.getTime() / 1000),
    data: { object: subscription },
  }
}
