/**
 * Event types that are understood and change no figure, by prefix, with the reason that is stored beside the raw event.
 * A type that matches nothing here and has no mapper is stored and ignored as unknown.
 */
const REASONS: readonly (readonly [prefix: string, reason: string])[] = [
  ['subscription_schedule.', 'a schedule takes effect through customer.subscription.updated'],
  ['payment_intent.', 'the payment is counted by its invoice, checkout session or charge'],
  ['invoice_payment.', 'the payment is counted by its invoice'],
  ['invoiceitem.', 'counted when its invoice is paid'],
  ['invoice.', 'only paid and failed invoices change a figure'],
  ['credit_note.', 'money that goes back is counted by its refund'],
  ['charge.dispute.', 'disputes are not refunds; the subscription says if it ends'],
  ['charge.', 'only succeeded and refunded charges change a figure'],
  ['checkout.session.', 'only completed and paid sessions change a figure'],
  ['customer.', 'no figure depends on this part of a customer'],
  ['promotion_code.', 'a discount counts when it is given to a customer or subscription'],
  ['quote.', 'a quote counts when it becomes a subscription'],
  ['setup_intent.', 'no money'],
  ['setup_attempt.', 'no money'],
  ['payment_method.', 'no money'],
  ['payment_link.', 'no money'],
  ['mandate.', 'no money'],
  ['source.', 'no money'],
  ['tax_rate.', 'tax is never revenue'],
  ['tax.', 'tax is never revenue'],
  ['entitlements.', 'what a subscription grants, not what it costs'],
  ['payout.', "money between Stripe and the bank, not a customer's"],
  ['transfer.', "money between accounts, not a customer's"],
  ['topup.', "money between Stripe and the bank, not a customer's"],
  ['balance.', "money between Stripe and the bank, not a customer's"],
  ['account.', 'about the Stripe account'],
  ['application_fee.', 'about the Stripe account'],
  ['capability.', 'about the Stripe account'],
  ['person.', 'about the Stripe account'],
  ['review.', 'fraud review'],
  ['radar.', 'fraud review'],
  ['reporting.', 'a report'],
  ['sigma.', 'a report'],
  ['file.', 'a file'],
  ['order.', 'retired by Stripe'],
  ['sku.', 'retired by Stripe'],
  ['recipient.', 'retired by Stripe'],
  ['test_helpers.', 'a test clock'],
  ['ping', 'a test of the endpoint'],
]

export const UNKNOWN_TYPE = 'unknown event type: stored, not folded'

export const ignoredReason = (type: string): string =>
  REASONS.find(([prefix]) => type.startsWith(prefix))?.[1] ?? UNKNOWN_TYPE
