import type { RawEvent } from '../envelope.ts'
import type { NudgeRecord, SessionRecord, TwinEvent, World } from './journal.ts'
import { Random, seedOf } from './random.ts'

/** One request of a client. Send deliveries in order; `deliveryBody` makes the request body. */
export type Delivery = {
  readonly events: readonly RawEvent[]
  /** How far the sender's clock is ahead (negative: behind); its `occurred_at` are off by as much. 0: no `sent_at`. */
  readonly skew_ms: number
  /** The whole delivery was sent before: every event is a duplicate. */
  readonly repeated: boolean
}

const hourMs = 3_600_000
const minuteMs = 60_000

type Parcel = { readonly arrives: number; readonly skew: number; readonly events: readonly TwinEvent[] }

/**
 * Cuts the twin's events into requests as a bad network delivers them: phones that were offline send whole sessions
 * hours or weeks late, some phones have a wrong clock, some events are sent twice and some whole requests again.
 * Every event arrives at least once.
 */
export function deliver(world: World, events: readonly TwinEvent[]): Delivery[] {
  const { settings, journal } = world
  const rng = new Random(seedOf(settings.seed, 'deliveries'))
  const nudgesOf = groupBy(journal.nudges, (nudge) => nudge.user_id)
  const parcels: Parcel[] = []
  for (const [session, group] of groupBy(events, (event) => event.session)) {
    const record = journal.sessions[session]
    if (record === undefined) for (const event of group) parcels.push({ arrives: event.at, skew: 0, events: [event] })
    else if (rng.chance(settings.skewed) && maySkew(world, record, nudgesOf.get(record.user_id) ?? []))
      parcels.push({ arrives: lastOf(group) + lateness(rng, settings.late), skew: wrongClock(rng), events: group })
    else if (rng.chance(settings.late))
      parcels.push({ arrives: lastOf(group) + lateness(rng, 1), skew: 0, events: group })
    else for (const event of group) parcels.push({ arrives: event.at + rng.int(0, 90_000), skew: 0, events: [event] })
  }
  parcels.sort((a, b) => a.arrives - b.arrives)
  return repeatSome(rng, settings.duplicates, pack(parcels, settings.batchSize, rng, settings.duplicates))
}

/** The request body, as the sender would make it at `now` (milliseconds, true time). */
export function deliveryBody(delivery: Delivery, now: number): { sent_at?: string; events: readonly RawEvent[] } {
  if (delivery.skew_ms === 0) return { events: delivery.events }
  return { sent_at: new Date(now + delivery.skew_ms).toISOString(), events: delivery.events }
}

function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const item of items) {
    const group = groups.get(keyOf(item))
    if (group === undefined) groups.set(keyOf(item), [item])
    else group.push(item)
  }
  return groups
}

const lastOf = (group: readonly TwinEvent[]): number => group.at(-1)?.at ?? 0

/** Half of the late ones hours, half days up to three weeks. */
function lateness(rng: Random, share: number): number {
  if (!rng.chance(share)) return 0
  return rng.chance(0.5) ? rng.int(3 * hourMs, 24 * hourMs) : rng.int(24 * hourMs, 21 * 24 * hourMs)
}

/** Well past the 5 minutes from which a platform corrects: minutes to two days, to either side. */
function wrongClock(rng: Random): number {
  return (rng.chance(0.5) ? -1 : 1) * rng.int(8 * minuteMs, 48 * 60 * minuteMs)
}

/**
 * A correction is only as exact as the network is fast: corrected times are a little late. So that truth stays exact,
 * only sessions are skewed whose numbers cannot change by a few seconds: no messages, nothing near a change of the
 * local hour, nothing near the end of a nudge's 24 hours, not the sign-up.
 */
function maySkew(world: World, session: SessionRecord, nudges: readonly NudgeRecord[]): boolean {
  const { zone, journal } = world
  if (session.hasMessages) return false
  const signUp = journal.signUps.find((s) => s.user_id === session.user_id)
  if (signUp !== undefined && session.instants.includes(signUp.at)) return false
  return session.instants.every((at) => {
    const minute = zone.minuteOf(at) % 60
    return (
      minute >= 3 &&
      minute < 55 &&
      nudges.every((n) => Math.abs(at - n.at - 24 * hourMs) > 10 * minuteMs && Math.abs(at - n.at) > minuteMs)
    )
  })
}

/** Fills requests in order of arrival; a wrong clock travels alone. Some events are put into a request twice. */
function pack(parcels: readonly Parcel[], size: number, rng: Random, duplicates: number): Delivery[] {
  const deliveries: Delivery[] = []
  let batch: RawEvent[] = []
  const close = () => {
    if (batch.length > 0) deliveries.push({ events: batch, skew_ms: 0, repeated: false })
    batch = []
  }
  for (const { skew, events } of parcels) {
    if (skew !== 0) {
      for (let from = 0; from < events.length; from += size) {
        const shifted = events.slice(from, from + size).map(({ at, event }) => shift(event, at + skew))
        deliveries.push({ events: shifted, skew_ms: skew, repeated: false })
      }
      continue
    }
    for (const { event } of events) {
      batch.push(event)
      if (batch.length >= size) close()
      if (!rng.chance(duplicates)) continue
      batch.push(event)
      if (batch.length >= size) close()
    }
  }
  close()
  return deliveries
}

const shift = (event: RawEvent, at: number): RawEvent => ({ ...event, occurred_at: new Date(at).toISOString() })

/** Some requests come again one to four requests later: the sender did not see the answer. */
function repeatSome(rng: Random, share: number, deliveries: readonly Delivery[]): Delivery[] {
  const ranked = deliveries.flatMap((delivery, index) => {
    const first = { rank: index, delivery }
    if (!rng.chance(share)) return [first]
    return [first, { rank: index + rng.int(1, 4) + 0.5, delivery: { ...delivery, repeated: true } }]
  })
  return ranked.sort((a, b) => a.rank - b.rank).map(({ delivery }) => delivery)
}
