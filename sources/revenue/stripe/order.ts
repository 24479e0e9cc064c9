import { compare, type FactOf } from '../facts.ts'
import type { StripeSubscription } from './shapes.ts'

type State = FactOf<'subscription_state'>
type Fingerprint = Record<string, string>

/**
 * Which of several events of the same second came last? Stripe's `created` has whole seconds and delivery is unordered,
 * but an update carries `previous_attributes`: what the subscription was before it. Events are put in the order in which
 * each one's "before" is its predecessor's "after". A fingerprint is those attributes as short texts.
 */
export function fingerprint(attributes: Partial<StripeSubscription> | Record<string, unknown>): Fingerprint {
  const result: Fingerprint = {}
  for (const key of SCALARS) if (key in attributes) result[key] = text(attributes[key as keyof typeof attributes])
  if ('items' in attributes) result.items = itemsText(attributes.items)
  if ('pause_collection' in attributes) result.pause_collection = text(field(attributes.pause_collection, 'behavior'))
  return result
}

const SCALARS = [
  'status',
  'quantity',
  'cancel_at',
  'cancel_at_period_end',
  'canceled_at',
  'ended_at',
  'current_period_start',
  'current_period_end',
  'trial_end',
] as const

const text = (value: unknown): string => (value === undefined || value === null ? '' : String(value))
const field = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined

function itemsText(items: unknown): string {
  const data = field(items, 'data')
  if (!Array.isArray(data)) return ''
  const parts = data.map((item: unknown) => {
    const price = field(item, 'price') ?? field(item, 'plan')
    return `${text(field(item, 'id'))}:${text(field(price, 'id'))}:${text(field(item, 'quantity'))}`
  })
  return parts.sort(compare).join(',')
}

const PHASES = ['created', 'updated', 'deleted'] as const
const STATUSES = ['incomplete', 'trialing', 'active', 'past_due', 'unpaid', 'paused', 'incomplete_expired', 'canceled']

/** Status precedence, then the event id: decides what `previous_attributes` leaves open. */
const byPrecedence = (a: State, b: State): number =>
  PHASES.indexOf(a.phase) - PHASES.indexOf(b.phase) ||
  STATUSES.indexOf(a.status) - STATUSES.indexOf(b.status) ||
  compare(a.event_id, b.event_id) ||
  a.seq - b.seq

/** How many attributes of the state before `next` differ from `current`: 0 when next follows current directly. */
function distance(current: State, next: State): number {
  const previous = { ...next.after, ...next.before }
  return Object.keys(previous).filter((key) => key in current.after && current.after[key] !== previous[key]).length
}

/**
 * States of one subscription in the order they were true. Different instants order themselves; within one instant,
 * created first, deleted last, and the updates chained by what they changed.
 */
export function orderStates(states: readonly State[]): State[] {
  const sorted = [...states].sort((a, b) => compare(a.at, b.at) || byPrecedence(a, b))
  const ordered: State[] = []
  for (let from = 0; from < sorted.length; ) {
    let to = from + 1
    while (sorted[to]?.at === sorted[from]?.at) to += 1
    ordered.push(...chain(sorted.slice(from, to), ordered.at(-1)))
    from = to
  }
  return ordered
}

function chain(group: readonly State[], before: State | undefined): State[] {
  const rest = [...group]
  const chained: State[] = []
  while (rest.length > 0) {
    const next = best(rest, chained.at(-1) ?? before)
    rest.splice(rest.indexOf(next), 1)
    chained.push(next)
  }
  return chained
}

/** The nearest successor of `current`; without one, the state that least looks like a successor of the others. */
function best(rest: readonly State[], current: State | undefined): State {
  const [first, ...others] = rest
  if (first === undefined) throw new RangeError('nothing to order')
  if (others.length === 0 || first.phase === 'created') return first
  const updates = rest.filter((state) => state.phase !== 'deleted')
  const candidates = updates.length > 0 ? updates : rest
  const score = (state: State): number =>
    current === undefined
      ? -Math.min(...candidates.filter((other) => other !== state).map((other) => distance(other, state)))
      : distance(current, state)
  return [...candidates].sort((a, b) => score(a) - score(b) || byPrecedence(a, b))[0] ?? first
}
