import type { z } from 'zod'
import type { FactDraft } from '../facts.ts'
import { factsReading, fieldErrors, type Reading } from '../reading.ts'
import { couponOf, discountOf } from './discount.ts'
import { ignoredReason } from './ignored.ts'
import { instantOf, memberId, memberIn, optionalInstant, optionalStripeId, stripeId } from './names.ts'
import { fingerprint } from './order.ts'
import { chargePayment, chargeRefunds, checkoutPayment, invoicePayment, refundOf, subscriptionOf } from './payments.ts'
import { intervalOf, pricingOf } from './price.ts'
import {
  chargeShape,
  checkoutShape,
  couponShape,
  customerShape,
  discountShape,
  eventShape,
  invoiceShape,
  priceShape,
  productShape,
  refundShape,
  type StripeEvent,
  subscriptionShape,
} from './shapes.ts'
import { SNAPSHOT_TYPE, snapshotFacts } from './snapshot.ts'
import { endOf, readSubscription } from './subscription.ts'

type Mapper = { shape: z.ZodType; read: (object: never, event: StripeEvent) => FactDraft[] }
/** Ties a mapper's function to its shape: it gets what the shape parsed. */
const mapper = <S extends z.ZodType>(
  shape: S,
  read: (object: z.output<S>, event: StripeEvent) => FactDraft[],
): Mapper => ({
  shape,
  read,
})
const present = (draft: FactDraft | null): FactDraft[] => (draft === null ? [] : [draft])

const identity = (account: string | null | undefined, member: string | null): FactDraft[] =>
  account && member ? [{ kind: 'identity', account: stripeId(account), member, accounts: [stripeId(account)] }] : []

const subscription = (phase: 'created' | 'updated' | 'deleted'): Mapper =>
  mapper(subscriptionShape, (object, event) => {
    const content = readSubscription(object)
    const standing = phase === 'deleted' ? 'ended' : content.standing
    const before = fingerprint(event.data.previous_attributes ?? {})
    const at = standing === 'ended' ? endOf(object, event.created) : instantOf(event.created)
    return [
      { ...content, standing, phase, source: 'event', before, at },
      ...identity(object.customer, memberIn(object.metadata)),
    ]
  })

const discount = (removed: boolean): Mapper =>
  mapper(discountShape, (object) => [
    {
      kind: 'discount',
      account: optionalStripeId(object.customer),
      // Only a discount of nothing narrower is the customer's.
      subscription: optionalStripeId(
        object.subscription ?? object.subscription_item ?? object.invoice ?? object.invoice_item,
      ),
      removed,
      discount: discountOf(object),
    },
  ])

const checkout = mapper(checkoutShape, (session) => {
  const member = memberIn(session.metadata) ?? memberId(session.client_reference_id)
  // A guest has no customer: the session itself is the account, so that the member it names is credited.
  const customer = session.customer ?? (member === null ? null : session.id)
  return [...identity(customer, member), ...present(checkoutPayment({ ...session, customer }))]
})
const customer = mapper(customerShape, (object) => [...identity(object.id, memberIn(object.metadata))])
const invoicePaid = mapper(invoiceShape, (invoice) => present(invoicePayment(invoice)))
const refund = mapper(refundShape, (object) => [refundOf(object)])
const coupon = mapper(couponShape, (object) => [{ kind: 'catalogue_coupon', account: null, coupon: couponOf(object) }])
const product = mapper(productShape, (object) => [
  { kind: 'catalogue_product', account: null, product: object.id, name: object.name },
])
const price = mapper(priceShape, (object) => [
  {
    kind: 'catalogue_price',
    account: null,
    plan: object.id,
    product: object.product ?? null,
    name: object.nickname ?? object.name ?? null,
    pricing: pricingOf(object),
    interval: intervalOf(object),
  },
])

const MAPPERS: ReadonlyMap<string, Mapper> = new Map(
  Object.entries({
    'customer.subscription.created': subscription('created'),
    'customer.subscription.updated': subscription('updated'),
    'customer.subscription.paused': subscription('updated'),
    'customer.subscription.resumed': subscription('updated'),
    'customer.subscription.trial_will_end': subscription('updated'),
    'customer.subscription.pending_update_applied': subscription('updated'),
    'customer.subscription.pending_update_expired': subscription('updated'),
    'customer.subscription.deleted': subscription('deleted'),
    [SNAPSHOT_TYPE]: mapper(subscriptionShape, (object, event) => [
      ...snapshotFacts(object, event.created),
      ...identity(object.customer, memberIn(object.metadata)),
    ]),
    'customer.created': customer,
    'customer.updated': customer,
    'customer.discount.created': discount(false),
    'customer.discount.updated': discount(false),
    'customer.discount.deleted': discount(true),
    'checkout.session.completed': checkout,
    'checkout.session.async_payment_succeeded': checkout,
    'invoice.paid': invoicePaid,
    'invoice.payment_succeeded': invoicePaid,
    'invoice.payment_failed': mapper(invoiceShape, (invoice) => [
      {
        kind: 'billing_issue',
        account: optionalStripeId(invoice.customer),
        subscription: optionalStripeId(subscriptionOf(invoice)),
        store: null,
        grace_until: null,
      },
    ]),
    'charge.succeeded': mapper(chargeShape, (charge) => present(chargePayment(charge))),
    'charge.refunded': mapper(chargeShape, chargeRefunds),
    'charge.refund.updated': refund,
    'refund.created': refund,
    'refund.updated': refund,
    'refund.failed': refund,
    'coupon.created': coupon,
    'coupon.updated': coupon,
    'price.created': price,
    'price.updated': price,
    'plan.created': price,
    'plan.updated': price,
    'product.created': product,
    'product.updated': product,
  }),
)

/** Reads one Stripe event (the parsed webhook body, or an exported line of the events API). */
export function stripeFacts(body: unknown): Reading {
  const envelope = eventShape.safeParse(body)
  if (!envelope.success) return { outcome: 'rejected', event_id: null, type: null, errors: fieldErrors(envelope.error) }
  const event = envelope.data
  const reported_at = optionalInstant(event.created)
  const about = { event_id: event.id, type: event.type }
  const found = MAPPERS.get(event.type)
  if (found === undefined || reported_at === null) {
    return { outcome: 'ignored', ...about, reported_at, reason: ignoredReason(event.type) }
  }
  const object = found.shape.safeParse(event.data.object)
  if (!object.success) return { outcome: 'rejected', ...about, errors: fieldErrors(object.error, ['data', 'object']) }
  const drafts = found.read(object.data as never, event)
  return factsReading(drafts, { provider: 'stripe', ...about, reported_at })
}
