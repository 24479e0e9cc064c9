import { z } from 'zod'
import { majorScale, stripeScale } from './currencies.ts'
import { divide, multiply, type Rational, rationalOf } from './rational.ts'

/**
 * A table of who paid what per month, from when to when, as Stripe webhook events: any published MRR bridge can be replayed
 * through the real webhook route. Each row becomes a subscription that is created and, if it has an end, deleted.
 */
const date = z.union([z.iso.date(), z.iso.datetime({ offset: true })])
const blank = (value: unknown): unknown => (value === '' ? null : value)

export const periodRowSchema = z
  .object({
    customer: z.string().min(1),
    /** First instant that counts. A bare date is taken at noon UTC, which is that day in nearly every time zone. */
    start: date,
    /** First instant that no longer counts; empty: still running. A row that starts where another ends continues it. */
    end: z.preprocess(blank, date.nullish()),
    /** Per month, in whole currency units: `49.90`. */
    amount: z.preprocess(String, z.string().regex(/^\d+(\.\d{1,12})?$/)),
    currency: z
      .string()
      .regex(/^[A-Za-z]{3}$/)
      .toLowerCase(),
    plan: z.preprocess((value) => blank(value) ?? undefined, z.string().optional()),
  })
  .refine((row) => row.end == null || instant(row.end) > instant(row.start), {
    message: 'a period must end after it starts',
    path: ['end'],
  })
export type PeriodRow = z.infer<typeof periodRowSchema>

const instant = (value: string): number => Date.parse(value.length === 10 ? `${value}T12:00:00Z` : value)
const seconds = (value: string): number => Math.floor(instant(value) / 1000)

/** Stripe's amount as decimal text. Rows have at most 12 decimals, so this terminates. */
function decimalText(amount: Rational): string {
  const scaled = multiply(amount, rationalOf(10n ** 12n))
  const digits = (scaled.n / scaled.d).toString().padStart(13, '0')
  return `${digits.slice(0, -12)}.${digits.slice(-12)}`.replace(/\.?0+$/, '') || '0'
}

/** Stripe events of the periods, in the order of their time; ids follow from the row number, so a rerun changes nothing. */
export function stripeEventsOf(rows: readonly PeriodRow[]): Record<string, unknown>[] {
  const events = rows.flatMap((row, index) => {
    const created = { at: seconds(row.start), event: eventOf(row, index, 'created') }
    return row.end == null ? [created] : [created, { at: seconds(row.end), event: eventOf(row, index, 'deleted') }]
  })
  return events.sort((a, b) => a.at - b.at).map(({ event }) => event)
}

function eventOf(row: PeriodRow, index: number, phase: 'created' | 'deleted'): Record<string, unknown> {
  const at = seconds(phase === 'created' ? row.start : (row.end ?? row.start))
  return {
    id: `evt_period_${index}_${phase}`,
    object: 'event',
    api_version: '2025-10-29.clover',
    created: at,
    livemode: false,
    pending_webhooks: 1,
    request: { id: null, idempotency_key: null },
    type: `customer.subscription.${phase}`,
    data: { object: subscriptionOf(row, index, phase === 'created' ? null : at) },
  }
}

function subscriptionOf(row: PeriodRow, index: number, endedAt: number | null): Record<string, unknown> {
  const { currency } = row
  const start = seconds(row.start)
  const amount = decimalText(divide(multiply(rationalOf(row.amount), majorScale(currency)), stripeScale(currency)))
  const plan = row.plan ?? `${row.amount}-${currency}-month`
  const id = `sub_period_${index}`
  const price = {
    id: plan,
    object: 'price',
    active: true,
    billing_scheme: 'per_unit',
    currency,
    nickname: plan,
    product: `prod_${plan}`,
    recurring: { interval: 'month', interval_count: 1, usage_type: 'licensed' },
    tiers_mode: null,
    transform_quantity: null,
    type: 'recurring',
    unit_amount: amount.includes('.') ? null : Number(amount),
    unit_amount_decimal: amount,
  }
  const item = {
    id: `si_period_${index}`,
    object: 'subscription_item',
    discounts: [],
    price,
    quantity: 1,
    subscription: id,
  }
  return {
    id,
    object: 'subscription',
    cancel_at: null,
    cancel_at_period_end: false,
    canceled_at: endedAt,
    collection_method: 'charge_automatically',
    created: start,
    currency,
    customer: `cus_${row.customer}`,
    discounts: [],
    ended_at: endedAt,
    items: { object: 'list', data: [item], has_more: false },
    livemode: false,
    metadata: { user_id: row.customer },
    pause_collection: null,
    start_date: start,
    status: endedAt === null ? 'active' : 'canceled',
    trial_end: null,
    trial_start: null,
  }
}
