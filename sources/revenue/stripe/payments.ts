import { stripeScale } from '../currencies.ts'
import type { FactOf } from '../facts.ts'
import { divide, formatRational, multiply, type Rational, rationalOf, subtract, sum, ZERO } from '../rational.ts'
import { instantOf, optionalStripeId, stripeId } from './names.ts'
import { minorText } from './price.ts'
import type { StripeCharge, StripeCheckout, StripeInvoice, StripeRefund } from './shapes.ts'

type Origin = 'provider' | 'event_id' | 'seq' | 'at' | 'reported_at'
type Payment = Omit<FactOf<'payment'>, Origin>
type Refund = Omit<FactOf<'refund'>, Origin> & { at?: string }

/** One payment has several objects; they meet in these keys, and the fold counts it once. */
const documents = (ids: Record<string, string | null | undefined>): string[] =>
  Object.entries(ids).flatMap(([name, id]) => (id ? [`stripe:${name}:${id}`] : []))

/** A paid invoice, net of tax, split by its lines into what recurs and what does not; null when nothing was paid. */
export function invoicePayment(invoice: StripeInvoice): Payment | null {
  if (invoice.amount_paid <= 0) return null
  const net = multiply(multiply(rationalOf(invoice.amount_paid), stripeScale(invoice.currency)), netShare(invoice))
  const oneTime = multiply(net, oneTimeShare(invoice))
  return {
    kind: 'payment',
    account: optionalStripeId(invoice.customer),
    documents: documents({ invoice: invoice.id, payment_intent: invoice.payment_intent, charge: invoice.charge }),
    subscription: optionalStripeId(subscriptionOf(invoice)),
    store: null,
    currency: invoice.currency,
    recurring: formatRational(subtract(net, oneTime)),
    one_time: formatRational(oneTime),
    proceeds: null,
  }
}

/** The subscription an invoice is for: moved under `parent` in basil (2025-03-31). */
export const subscriptionOf = (invoice: StripeInvoice): string | null =>
  invoice.subscription ?? invoice.parent?.subscription_details?.subscription ?? null

function netShare(invoice: StripeInvoice): Rational {
  const total = invoice.total ?? 0
  const net = invoice.total_excluding_tax ?? total - (invoice.tax ?? 0)
  return total > 0 && net >= 0 ? divide(rationalOf(net), rationalOf(total)) : rationalOf(1)
}

function oneTimeShare(invoice: StripeInvoice): Rational {
  const lines = invoice.lines?.data ?? []
  const recurs = (type: string | null | undefined): boolean =>
    type === 'subscription' || type === 'subscription_item_details'
  const all = sum(lines.map((line) => rationalOf(line.amount)))
  const recurring = sum(
    lines.filter((line) => recurs(line.type) || recurs(line.parent?.type)).map((line) => rationalOf(line.amount)),
  )
  // Credits can turn a sum negative; then the lines say nothing and the subscription decides.
  if (all.n <= 0n || recurring.n < 0n || recurring.n * all.d > all.n * recurring.d) {
    return subscriptionOf(invoice) === null ? rationalOf(1) : ZERO
  }
  return subtract(rationalOf(1), divide(recurring, all))
}

/** A sale through Checkout that is not a subscription; null until it is paid. */
export function checkoutPayment(session: StripeCheckout): Payment | null {
  const total = session.amount_total ?? 0
  if (session.mode !== 'payment' || session.payment_status !== 'paid' || total <= 0 || !session.currency) return null
  return oneTime(session.customer, session.currency, total - (session.total_details?.amount_tax ?? 0), {
    checkout: session.id,
    payment_intent: session.payment_intent,
    invoice: session.invoice,
  })
}

/**
 * A charge that says it has no invoice is a one-time sale. Newer API versions do not send `invoice` at all: such a charge
 * may pay a subscription, so it is left to the invoice or the checkout session rather than counted twice.
 */
export function chargePayment(charge: StripeCharge): Payment | null {
  if (charge.invoice !== null || charge.captured === false || charge.amount <= 0) return null
  return oneTime(charge.customer, charge.currency, charge.amount, {
    charge: charge.id,
    payment_intent: charge.payment_intent,
  })
}

function oneTime(
  customer: string | null | undefined,
  currency: string,
  amount: number,
  ids: Record<string, string | null | undefined>,
): Payment {
  return {
    kind: 'payment',
    account: optionalStripeId(customer),
    documents: documents(ids),
    subscription: null,
    store: null,
    currency,
    recurring: '0',
    one_time: minorText(amount, currency),
    proceeds: null,
  }
}

/** Refunds of a charge: one by one where the event lists them, else the total so far. */
export function chargeRefunds(charge: StripeCharge): Refund[] {
  const account = optionalStripeId(charge.customer)
  const ids = documents({ charge: charge.id, payment_intent: charge.payment_intent })
  const listed = (charge.refunds?.data ?? []).map((refund) => ({ ...refundOf(refund), account, documents: ids }))
  const total = minorText(charge.amount_refunded ?? 0, charge.currency)
  const known = sum(listed.map((refund) => rationalOf(refund.amount)))
  if (listed.length > 0 && known.n * 1n >= rationalOf(total).n * known.d) return listed
  return [
    ...listed,
    {
      kind: 'refund',
      account,
      documents: ids,
      refund: null,
      store: null,
      currency: charge.currency,
      amount: total,
      cumulative: true,
      stands: true,
    },
  ]
}

export function refundOf(refund: StripeRefund): Refund {
  return {
    kind: 'refund',
    account: null,
    documents: documents({ charge: refund.charge, payment_intent: refund.payment_intent }),
    refund: stripeId(refund.id),
    store: null,
    currency: refund.currency,
    amount: minorText(refund.amount, refund.currency),
    cumulative: false,
    stands: refund.status !== 'failed' && refund.status !== 'canceled',
    ...(refund.created == null ? {} : { at: instantOf(refund.created) }),
  }
}
