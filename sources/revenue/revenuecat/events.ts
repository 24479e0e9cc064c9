import type { EndReason, FactDraft } from '../facts.ts'
import { formatRational, isPositive, subtract, ZERO } from '../rational.ts'
import { type FieldError, factsReading, fieldErrors, type Reading } from '../reading.ts'
import { excludedReason, ignoredReason } from './ignored.ts'
import {
  accountOf,
  instantOfMs,
  isMember,
  optionalInstantOfMs,
  priceOf,
  proceedsOf,
  subscriptionOf,
  transactionOf,
} from './names.ts'
import { type RevenuecatEvent, revenuecatBodyShape } from './shapes.ts'

/** Stores where a refund takes the subscription away at once; elsewhere only an expiry in the past says so. */
const REVOKING_STORES = new Set(['APP_STORE', 'MAC_APP_STORE', 'PLAY_STORE', 'AMAZON'])
const END_REASONS: ReadonlyMap<string, EndReason> = new Map([
  ['UNSUBSCRIBE', 'voluntary'],
  ['PRICE_INCREASE', 'voluntary'],
  ['BILLING_ERROR', 'involuntary'],
  ['CUSTOMER_SUPPORT', 'refund'],
  ['SUBSCRIPTION_PAUSED', 'paused'],
])

type Need = 'app_user_id' | 'product_id' | 'transferred_from' | 'transferred_to'
type Mapper = { needs: readonly Need[]; read: (event: RevenuecatEvent) => FactDraft[] }

const common = (event: RevenuecatEvent) => ({
  account: event.app_user_id ? accountOf(event.app_user_id) : null,
  subscription: subscriptionOf(event),
  store: event.store ?? 'UNKNOWN',
})
const period = (event: RevenuecatEvent) => ({
  ...common(event),
  transaction: transactionOf(event),
  expires_at: optionalInstantOfMs(event.expiration_at_ms),
})

/** Links the account and its anonymous aliases to the member among them, if there is one. */
function identity(event: RevenuecatEvent): FactDraft[] {
  const ids = [event.app_user_id, ...(event.aliases ?? []), event.original_app_user_id].filter((id) => id != null)
  const member = event.app_user_id && isMember(event.app_user_id) ? event.app_user_id : ids.filter(isMember).sort()[0]
  if (member === undefined || !event.app_user_id) return []
  const anonymous = ids.filter((id) => !isMember(id))
  const accounts = [...new Set([event.app_user_id, ...anonymous])].map(accountOf).sort()
  return [{ kind: 'identity', account: accountOf(event.app_user_id), member, accounts }]
}

/** A member's own account: a transfer names accounts that may never have sent an event. */
const itself = (member: string): FactDraft => ({
  kind: 'identity',
  account: accountOf(member),
  member,
  accounts: [accountOf(member)],
})

function payment(event: RevenuecatEvent, recurring: boolean): FactDraft[] {
  const { amount, currency } = priceOf(event)
  if (amount === null || !isPositive(amount)) return []
  const transaction = transactionOf(event) ?? `revenuecat:event:${event.id}`
  const text = formatRational(amount)
  const { account, subscription, store } = common(event)
  return [
    {
      kind: 'payment',
      account,
      subscription: recurring ? subscription : null,
      store,
      documents: [transaction],
      currency,
      recurring: recurring ? text : '0',
      one_time: recurring ? '0' : text,
      proceeds: proceedsOf(amount, event),
      at: instantOfMs(event.purchased_at_ms ?? event.event_timestamp_ms),
    },
  ]
}

function purchase(event: RevenuecatEvent): FactDraft[] {
  // Prepaid plans end by themselves: sold like a subscription, but nothing recurs.
  if (event.period_type === 'PREPAID') return [...payment(event, false), ...identity(event)]
  const purchased_at = instantOfMs(event.purchased_at_ms ?? event.event_timestamp_ms)
  const { amount, currency } = priceOf(event)
  const trial = event.period_type === 'TRIAL'
  return [
    {
      kind: 'purchase',
      ...period(event),
      product: event.product_id ?? '',
      period: trial ? 'trial' : 'paid',
      purchased_at,
      amount: trial ? '0' : amount && formatRational(amount),
      currency,
      at: purchased_at,
    },
    ...(trial ? [] : payment(event, true)),
    ...identity(event),
  ]
}

/** Money that went back for a transaction, or (stands: false) the undoing of that. */
function refund(event: RevenuecatEvent, stands: boolean): FactDraft[] {
  const { amount, currency } = priceOf(event)
  if (amount === null || amount.n === 0n) return []
  const transaction = transactionOf(event) ?? `revenuecat:event:${event.id}`
  const size = amount.n < 0n ? subtract(ZERO, amount) : amount
  const { account, store } = common(event)
  return [
    {
      kind: 'refund',
      account,
      store,
      documents: [transaction],
      refund: transaction,
      currency,
      amount: formatRational(size),
      cumulative: false,
      stands,
    },
  ]
}

function cancellation(event: RevenuecatEvent): FactDraft[] {
  const negative = (event.price ?? event.price_in_purchased_currency ?? 0) < 0
  if (!negative && event.cancel_reason !== 'CUSTOMER_SUPPORT') {
    return [
      { kind: 'auto_renew', ...common(event), on: false, reason: event.cancel_reason ?? null },
      ...identity(event),
    ]
  }
  const expired = event.expiration_at_ms != null && event.expiration_at_ms <= event.event_timestamp_ms
  const revoked = event.expiration_at_ms != null && (expired || REVOKING_STORES.has(event.store ?? ''))
  return [
    ...(negative ? refund(event, true) : []),
    ...(revoked ? [{ kind: 'revocation' as const, ...period(event) }] : []),
    ...identity(event),
  ]
}

const accounts = (ids: readonly string[] | null | undefined): string[] => (ids ?? []).map(accountOf).sort()

const subscriber: readonly Need[] = ['app_user_id', 'product_id']
const MAPPERS: ReadonlyMap<string, Mapper> = new Map(
  Object.entries<Mapper>({
    INITIAL_PURCHASE: { needs: subscriber, read: purchase },
    RENEWAL: { needs: subscriber, read: purchase },
    NON_RENEWING_PURCHASE: { needs: subscriber, read: (event) => [...payment(event, false), ...identity(event)] },
    CANCELLATION: { needs: subscriber, read: cancellation },
    UNCANCELLATION: {
      needs: subscriber,
      read: (event) => [{ kind: 'auto_renew', ...common(event), on: true, reason: null }, ...identity(event)],
    },
    EXPIRATION: {
      needs: subscriber,
      read: (event) => [
        {
          kind: 'expiration',
          ...period(event),
          end_reason: END_REASONS.get(event.expiration_reason ?? '') ?? 'unknown',
        },
        ...identity(event),
      ],
    },
    BILLING_ISSUE: {
      needs: subscriber,
      read: (event) => [
        {
          kind: 'billing_issue',
          ...common(event),
          grace_until: optionalInstantOfMs(event.grace_period_expiration_at_ms),
        },
        ...identity(event),
      ],
    },
    PRODUCT_CHANGE: {
      needs: subscriber,
      read: (event) => [
        {
          kind: 'product_change',
          ...common(event),
          product: event.product_id ?? '',
          new_product: event.new_product_id ?? null,
        },
        ...identity(event),
      ],
    },
    SUBSCRIPTION_EXTENDED: {
      needs: subscriber,
      read: (event) => [
        { kind: 'extension', ...common(event), expires_at: optionalInstantOfMs(event.expiration_at_ms) },
        ...identity(event),
      ],
    },
    REFUND_REVERSED: {
      needs: subscriber,
      read: (event) => [...refund(event, false), { kind: 'reinstatement', ...period(event) }, ...identity(event)],
    },
    TRANSFER: {
      needs: ['transferred_from', 'transferred_to'],
      read: (event) => [
        { kind: 'transfer', account: null, from: accounts(event.transferred_from), to: accounts(event.transferred_to) },
        ...[...(event.transferred_from ?? []), ...(event.transferred_to ?? [])].filter(isMember).map(itself),
      ],
    },
    SUBSCRIBER_ALIAS: { needs: ['app_user_id'], read: identity },
  }),
)

/** Reads one RevenueCat webhook body. */
export function revenuecatFacts(body: unknown): Reading {
  const parsed = revenuecatBodyShape.safeParse(body)
  if (!parsed.success) return { outcome: 'rejected', event_id: null, type: null, errors: fieldErrors(parsed.error) }
  const { event } = parsed.data
  const reported_at = instantOfMs(event.event_timestamp_ms)
  const about = { event_id: event.id, type: event.type }
  const found = MAPPERS.get(event.type)
  const reason = excludedReason(event) ?? (found === undefined ? ignoredReason(event.type) : null)
  if (reason !== null || found === undefined) {
    return { outcome: 'ignored', ...about, reported_at, reason: reason ?? ignoredReason(event.type) }
  }
  const missing = found.needs.filter((need) => event[need] == null || event[need]?.length === 0)
  if (missing.length > 0) return { outcome: 'rejected', ...about, errors: missing.map(missingField) }
  return factsReading(found.read(event), { provider: 'revenuecat', ...about, reported_at })
}

const missingField = (field: Need): FieldError => ({
  field: `event.${field}`,
  code: 'required',
  message: 'this event type cannot be folded without it',
})
