import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'csv-parse/sync'
import { describe, test } from 'vitest'
import type { RevenueFact } from '../../../sources/revenue/facts.ts'
import { toFacts } from '../../../sources/revenue/to-facts.ts'

const root = process.env.UPCOACH_REAL_DATA ?? '../shared/data'

/** A describe block that needs a folder of real inputs; where it is missing, nothing of the block runs. */
export function describeReal(folder: string, name: string, body: () => void): void {
  if (existsSync(join(root, folder))) describe(name, body)
  else describe.skip(name, () => test('skipped: real data not present', () => {}))
}

export const readReal = (...path: string[]): string => readFileSync(join(root, ...path), 'utf8')
export const readRealJson = (...path: string[]): unknown => JSON.parse(readReal(...path))
export const realFiles = (folder: string): string[] =>
  existsSync(join(root, folder))
    ? readdirSync(join(root, folder))
        .filter((name) => name.endsWith('.json'))
        .sort()
    : []

export const csvRows = (text: string): Record<string, string>[] =>
  parse(text, { columns: true, skip_empty_lines: true })

/** Facts of bodies that must all be readable and say something. */
export function factsOf(provider: 'stripe' | 'revenuecat', ...bodies: unknown[]): RevenueFact[] {
  return bodies.flatMap((body) => {
    const reading = toFacts(provider, body)
    if (reading.outcome !== 'facts') throw new Error(`expected facts, got ${JSON.stringify(reading)}`)
    return reading.facts
  })
}

export const seconds = (instant: string): number => Date.parse(instant) / 1000

let serial = 0
type Json = Record<string, unknown>

export function stripeEvent(type: string, at: string, object: Json, previous?: Json): Json {
  serial += 1
  return {
    id: `evt_${serial}`,
    object: 'event',
    api_version: '2025-10-29.clover',
    created: seconds(at),
    type,
    data: { object, ...(previous === undefined ? {} : { previous_attributes: previous }) },
  }
}

export const price = (unit: number, more: Json = {}): Json => ({
  id: `price_${unit}`,
  currency: 'usd',
  product: 'prod_coach',
  billing_scheme: 'per_unit',
  unit_amount: unit,
  unit_amount_decimal: String(unit),
  recurring: { interval: 'month', interval_count: 1, usage_type: 'licensed' },
  ...more,
})

export const item = (of: Json, quantity: number | undefined = 1, more: Json = {}): Json => ({
  id: `si_${String(of.id)}`,
  price: of,
  ...(quantity === undefined ? {} : { quantity }),
  ...more,
})

/** A Stripe subscription with the given items (default: one of 10.00 usd a month). */
export function subscription({ items = [item(price(1000))], ...more }: Json & { items?: Json[] } = {}): Json {
  return {
    id: 'sub_1',
    object: 'subscription',
    customer: 'cus_1',
    status: 'active',
    items: { object: 'list', data: items, has_more: false },
    ...more,
  }
}

const DAY = 86_400_000
/** A RevenueCat webhook body; by default a monthly purchase of 9.99 USD on the App Store. */
export function revenuecatEvent(type: string, at: string, more: Json = {}): Json {
  serial += 1
  const time = Date.parse(at)
  return {
    api_version: '1.0',
    event: {
      id: `rc_${serial}`,
      type,
      event_timestamp_ms: time,
      app_user_id: 'member-1',
      aliases: [],
      original_app_user_id: 'member-1',
      product_id: 'coach.monthly',
      period_type: 'NORMAL',
      purchased_at_ms: time,
      expiration_at_ms: time + 30 * DAY,
      store: 'APP_STORE',
      environment: 'PRODUCTION',
      is_family_share: false,
      price: type === 'INITIAL_PURCHASE' || type === 'RENEWAL' ? 9.99 : 0,
      price_in_purchased_currency: type === 'INITIAL_PURCHASE' || type === 'RENEWAL' ? 9.99 : 0,
      currency: 'USD',
      transaction_id: `tx_${serial}`,
      original_transaction_id: 'otx_1',
      ...more,
    },
  }
}
