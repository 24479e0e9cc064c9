import type { RawEvent } from '../envelope.ts'
import { type Delivery, deliver } from './deliveries.ts'
import { emptyJournal, type World } from './journal.ts'
import { live } from './life.ts'
import { createMember } from './member.ts'
import { type TwinOptions, type TwinSettings, twinSettings } from './options.ts'
import { type SubscriptionPeriod, subscriptionsOf } from './subscriptions.ts'
import { computeTruth, type Truth } from './truth.ts'
import { parseDay, zoneClock } from './zone.ts'

/** A member as the twin leaves them on its last day. */
export type TwinMember = {
  readonly user_id: string
  readonly plan: string
  readonly coach_id: string
  /** Probability of opening the app on a day. */
  readonly engagement: number
  readonly usual_minute: number
  readonly platform: string
  readonly silent: boolean
  readonly open_goals: readonly string[]
  readonly habits: readonly string[]
}

export type Twin = {
  readonly settings: TwinSettings
  readonly members: readonly TwinMember[]
  /** Every event once, in the order in which it happened. */
  readonly events: readonly RawEvent[]
  /** The same events as a bad network brings them. */
  readonly deliveries: readonly Delivery[]
  readonly truth: Truth
  readonly subscriptions: readonly SubscriptionPeriod[]
}

/** The synthetic twin of a coaching business. Pure: the same options give the same twin, byte for byte. */
export function createTwin(options: TwinOptions): Twin {
  const settings = twinSettings(options)
  const zone = zoneClock(settings.timezone)
  const lastDay = parseDay(settings.endDate)
  const firstDay = lastDay - settings.days + 1
  const world: World = {
    settings,
    zone,
    firstDay,
    lastDay,
    end: zone.instantOf(lastDay + 1, 0),
    journal: emptyJournal(),
  }
  const lives = Array.from({ length: settings.members }, (_, index) => live(createMember(world, index)))
  const { events } = world.journal
  events.sort((a, b) => a.at - b.at || (a.event.event_id < b.event.event_id ? -1 : 1))
  return {
    settings,
    members: lives.map(({ member, openGoals, habits }) => ({
      user_id: member.userId,
      plan: member.plan,
      coach_id: member.coachId,
      engagement: member.engagement,
      usual_minute: member.usualMinute,
      platform: member.platform,
      silent: member.churn !== null,
      open_goals: openGoals,
      habits,
    })),
    events: events.map(({ event }) => event),
    deliveries: deliver(world, events),
    truth: computeTruth(world),
    subscriptions: lives.flatMap((life) => subscriptionsOf(world, life)),
  }
}
