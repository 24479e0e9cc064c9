import type { Catalogue } from '../catalogue.ts'
import { byTime, compare, type Discount, type FactOf } from '../facts.ts'
import { monthlyValue } from '../monthly-value.ts'
import type { RevenuePolicy } from '../policy.ts'
import type { Issue, Step, Timeline } from '../timeline.ts'
import { orderStates } from './order.ts'

type State = FactOf<'subscription_state'>
type DiscountFact = FactOf<'discount'>

/**
 * A Stripe subscription's value over time. It changes when a state arrives, when its customer's discount does, and, if
 * repeating discounts count, when one starts or ends by the calendar. Nothing counts after the end: a cancelled Stripe
 * subscription never comes back.
 */
export function stripeTimeline(
  states: readonly State[],
  discounts: readonly DiscountFact[],
  policy: RevenuePolicy,
  catalogue: Catalogue,
): Timeline {
  const ordered = untilEnd(orderStates(eventsBeforeSnapshots(states)))
  const attached = new Map(
    discounts.flatMap(({ discount }) => (discount.discount ? [[discount.discount, discount]] : [])),
  )
  const ofCustomer = discounts.filter((fact) => fact.subscription === null).sort(byTime)
  const issues: Issue[] = []
  const steps: Step[] = instants(ordered, ofCustomer, attached, policy).flatMap((at) => {
    const state = ordered.findLast((candidate) => candidate.at <= at)
    if (state === undefined) return []
    const customer = customerDiscountAt(ofCustomer, at)
    const valuation = monthlyValue(state, policy, {
      catalogue,
      at,
      customer_discounts: customer.discounts,
      discount: (id) => attached.get(id),
    })
    issues.push(...valuation.issues)
    const here = [...ordered, ...ofCustomer].filter((fact) => fact.at === at).map((fact) => fact.event_id)
    return [
      {
        at,
        standing: state.standing,
        plan: state.lines[0]?.plan ?? null,
        values: valuation.values,
        end_reason: state.end_reason ?? (state.cancel_requested ? 'voluntary' : null),
        event_ids: here.length > 0 ? here : [state.event_id, ...customer.event_ids],
      },
    ]
  })
  return {
    subscription: states[0]?.subscription ?? '',
    provider: 'stripe',
    steps,
    period_end: ordered.at(-1)?.period_end ?? null,
    issues,
  }
}

/** Snapshots of a backfill fill in the start or end that no event told; whatever an event covers, the event says. */
function eventsBeforeSnapshots(states: readonly State[]): State[] {
  const snapshots = states.filter((state) => state.source === 'snapshot')
  if (snapshots.length === 0) return [...states]
  const events = states.filter((state) => state.source === 'event')
  const oldest = [...snapshots].sort((a, b) => compare(a.reported_at, b.reported_at) || compare(a.event_id, b.event_id))
  const started = events.some((state) => state.phase === 'created')
  const ended = events.some((state) => state.standing === 'ended')
  const firstEvent = events.map((state) => state.at).sort(compare)[0]
  const start = oldest.filter((state) => state.phase !== 'deleted' && state.event_id === oldest[0]?.event_id)
  const end = oldest.find((state) => state.phase === 'deleted')
  return [
    ...events,
    ...(started ? [] : start.filter((state) => firstEvent === undefined || state.at < firstEvent)),
    ...(ended || end === undefined ? [] : [end]),
  ]
}

function untilEnd(ordered: readonly State[]): State[] {
  const end = ordered.find((state) => state.standing === 'ended')
  return end === undefined ? [...ordered] : ordered.filter((state) => state.at < end.at || state === end)
}

/** Every instant at which the value can change, in order, from the first state to the end. */
function instants(
  ordered: readonly State[],
  ofCustomer: readonly DiscountFact[],
  attached: ReadonlyMap<string, Discount>,
  policy: RevenuePolicy,
): string[] {
  const first = ordered[0]?.at
  const last = ordered.at(-1)
  if (first === undefined || last === undefined) return []
  const repeating =
    policy.discounts === 'permanent'
      ? []
      : ordered
          .flatMap((state) => [...state.discounts, ...state.lines.flatMap((line) => line.discounts)])
          .concat(ofCustomer.map((fact) => fact.discount))
          .flatMap((discount) => [discount, attached.get(discount.discount ?? '')])
          .flatMap((discount) => [discount?.start, discount?.end])
  const all = [...ordered.map((state) => state.at), ...ofCustomer.map((fact) => fact.at), ...repeating]
  const inLife = all
    .filter((at) => at != null)
    .filter((at) => at >= first && (last.standing !== 'ended' || at <= last.at))
  return [...new Set(inLife)].sort(compare)
}

/**
 * The discount a customer had at an instant. A customer has one at a time; taking one away is final for its id. Where old
 * API versions sent no id, a removal and a new discount of the same second are a replacement.
 */
function customerDiscountAt(
  facts: readonly DiscountFact[],
  at: string,
): { discounts: Discount[]; event_ids: string[] } {
  const past = facts.filter((fact) => fact.at <= at)
  const removedFirst = [...past].sort(
    (a, b) => compare(a.at, b.at) || Number(b.removed) - Number(a.removed) || byTime(a, b),
  )
  const removed = new Set(
    past.flatMap((fact) => (fact.removed && fact.discount.discount ? [fact.discount.discount] : [])),
  )
  let current: DiscountFact | null = null
  for (const fact of removedFirst) {
    const id = fact.discount.discount
    if (!fact.removed) {
      if (id === null || !removed.has(id)) current = fact
    } else if (id === null || id === current?.discount.discount) {
      current = null
    }
  }
  return current === null
    ? { discounts: [], event_ids: [] }
    : { discounts: [current.discount], event_ids: [current.event_id] }
}
