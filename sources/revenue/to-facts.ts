import type { Reading } from './reading.ts'
import { revenuecatFacts } from './revenuecat/events.ts'
import { stripeFacts } from './stripe/events.ts'

export type Provider = 'stripe' | 'revenuecat'

/** When the provider says that it happened (ms), of any body that says so. */
export function toldAt(provider: Provider, body: unknown): number | undefined {
  const event = provider === 'stripe' ? body : fieldOf(body, 'event')
  const at = fieldOf(event, provider === 'stripe' ? 'created' : 'event_timestamp_ms')
  if (typeof at !== 'number' || !Number.isFinite(at)) return undefined
  return provider === 'stripe' ? at * 1000 : at
}

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined

/** Reads one parsed webhook body. Never throws on data: a malformed body is `rejected` with the fields at fault. */
export function toFacts(provider: Provider, body: unknown): Reading {
  switch (provider) {
    case 'stripe':
      return stripeFacts(body)
    case 'revenuecat':
      return revenuecatFacts(body)
    default:
      return provider satisfies never
  }
}
