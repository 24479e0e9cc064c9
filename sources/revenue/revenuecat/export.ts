import { z } from 'zod'
import { compare } from '../facts.ts'
import { grouped } from '../grouped.ts'
import { formatRational, type Rational, rationalOf, subtract } from '../rational.ts'

/**
 * RevenueCat's scheduled data export (version 5: one transaction per row, times in UTC without a zone) as the webhook bodies
 * that would have told the same. Transactions keep their ids, so money and periods that webhooks told too count once.
 */
const blank = (value: unknown): unknown => (value === '' || value === undefined ? null : value)
const text = z.preprocess(blank, z.string().nullable())
const flag = z.preprocess((value) => String(value).toLowerCase() === 'true', z.boolean())
const decimal = z.preprocess((value) => (blank(value) === null ? null : Number(value)), z.number().nullable())
const time = z.preprocess(
  (value) =>
    blank(value) === null ? null : Date.parse(`${String(value).trim().replace(' ', 'T').replace(/Z$/, '')}Z`),
  z.number().nullable(),
)

export const exportRowSchema = z.object({
  rc_original_app_user_id: z.string().min(1),
  rc_last_seen_app_user_id_alias: text,
  product_identifier: z.string().min(1),
  start_time: time.pipe(z.number()),
  end_time: time,
  grace_period_end_time: time,
  effective_end_time: time,
  store: z.string().min(1),
  is_auto_renewable: flag,
  is_trial_period: flag,
  is_in_intro_offer_period: flag,
  is_sandbox: flag,
  is_trial_conversion: flag,
  price_in_usd: decimal,
  purchase_price_in_usd: decimal,
  price_in_purchased_currency: decimal,
  purchase_price_in_purchased_currency: decimal,
  purchased_currency: text,
  tax_percentage: decimal,
  commission_percentage: decimal,
  store_transaction_id: z.string().min(1),
  original_store_transaction_id: text,
  refunded_at: time,
  unsubscribe_detected_at: time,
  renewal_number: decimal,
  ownership_type: text,
})
export type ExportRow = z.infer<typeof exportRowSchema>
type Body = { api_version: string; event: Record<string, unknown> }

/** A renewal this much after the end is on time: exports and stores round. */
const SLACK_MS = 3_600_000

/**
 * The bodies of an export taken at `exportedAt`. A subscription's expirations follow from its rows: an effective end that
 * has passed with no later period starting by then. Google Play's invalid rows (end before start) are left out.
 */
export function webhookBodiesOf(rows: readonly ExportRow[], exportedAt: Date): Body[] {
  const valid = rows.filter((row) => row.end_time === null || row.end_time >= row.start_time)
  const key = (row: ExportRow): string =>
    `${row.store} ${row.original_store_transaction_id ?? row.store_transaction_id}`
  return grouped(valid, key).flatMap(([, own]) => {
    const sorted = [...own].sort(
      (a, b) => a.start_time - b.start_time || compare(a.store_transaction_id, b.store_transaction_id),
    )
    return sorted.flatMap((row, index) => {
      const end = row.effective_end_time ?? row.end_time
      const next = sorted[index + 1]?.start_time ?? exportedAt.getTime()
      const lapsed = row.is_auto_renewable && end !== null && end + (sorted[index + 1] ? SLACK_MS : 0) < next
      return [
        purchase(row),
        ...refund(row),
        ...(row.unsubscribe_detected_at === null ? [] : [unsubscribe(row, row.unsubscribe_detected_at)]),
        ...(lapsed ? [expiration(row, end)] : []),
      ]
    })
  })
}

function body(row: ExportRow, name: string, at: number, more: Record<string, unknown>): Body {
  const user = row.rc_last_seen_app_user_id_alias ?? row.rc_original_app_user_id
  return {
    api_version: '1.0',
    event: {
      id: `export:${row.store}:${row.store_transaction_id}:${name}`,
      event_timestamp_ms: at,
      app_user_id: user,
      original_app_user_id: row.rc_original_app_user_id,
      aliases: [...new Set([user, row.rc_original_app_user_id])],
      product_id: row.product_identifier,
      period_type: row.is_trial_period ? 'TRIAL' : row.is_in_intro_offer_period ? 'INTRO' : 'NORMAL',
      purchased_at_ms: row.start_time,
      expiration_at_ms: row.is_auto_renewable ? (row.end_time ?? row.effective_end_time) : null,
      store: row.store.toUpperCase(),
      environment: row.is_sandbox ? 'SANDBOX' : 'PRODUCTION',
      is_family_share: row.ownership_type === 'FAMILY_SHARED',
      price: 0,
      price_in_purchased_currency: 0,
      currency: row.purchased_currency,
      tax_percentage: row.tax_percentage,
      commission_percentage: row.commission_percentage,
      transaction_id: row.store_transaction_id,
      original_transaction_id: row.original_store_transaction_id ?? row.store_transaction_id,
      ...more,
    },
  }
}

function purchase(row: ExportRow): Body {
  const first = row.renewal_number === 1 && !row.is_trial_conversion
  const type = row.is_auto_renewable ? (first ? 'INITIAL_PURCHASE' : 'RENEWAL') : 'NON_RENEWING_PURCHASE'
  return body(row, 'purchase', row.start_time, {
    type,
    is_trial_conversion: row.is_trial_conversion,
    price: row.purchase_price_in_usd ?? row.price_in_usd,
    price_in_purchased_currency: row.purchase_price_in_purchased_currency ?? row.price_in_purchased_currency,
  })
}

/** What was refunded is what the gross price lost; a partial refund leaves the subscription alone. */
function refund(row: ExportRow): Body[] {
  if (row.refunded_at === null) return []
  const usd = difference(row.price_in_usd, row.purchase_price_in_usd)
  const local = difference(row.price_in_purchased_currency, row.purchase_price_in_purchased_currency)
  const partial = (row.price_in_usd ?? 0) > 0
  return [
    body(row, 'refund', row.refunded_at, {
      type: 'CANCELLATION',
      cancel_reason: 'CUSTOMER_SUPPORT',
      price: usd,
      price_in_purchased_currency: local,
      expiration_at_ms: partial || !row.is_auto_renewable ? null : (row.effective_end_time ?? row.refunded_at),
    }),
  ]
}

/** Net less gross, exactly: 3.49 − 9.99 is −6.5 and not −6.500000000000001. */
function difference(net: number | null, gross: number | null): number | null {
  if (net === null || gross === null) return null
  const exact: Rational = subtract(rationalOf(net), rationalOf(gross))
  return exact.d === 1n ? Number(formatRational(exact)) : Number(exact.n) / Number(exact.d)
}

const unsubscribe = (row: ExportRow, at: number): Body =>
  body(row, 'unsubscribe', at, { type: 'CANCELLATION', cancel_reason: 'UNSUBSCRIBE' })

function expiration(row: ExportRow, end: number): Body {
  const involuntary = row.grace_period_end_time !== null
  const reason =
    row.refunded_at !== null
      ? 'CUSTOMER_SUPPORT'
      : involuntary
        ? 'BILLING_ERROR'
        : row.unsubscribe_detected_at === null
          ? 'UNKNOWN'
          : 'UNSUBSCRIBE'
  return body(row, 'expiration', end, { type: 'EXPIRATION', expiration_reason: reason, expiration_at_ms: end })
}
