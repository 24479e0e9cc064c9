import type { Reading } from './reading.ts'
import { revenuecatFacts } from './revenuecat/events.ts'
import { stripeFacts } from './stripe/events.ts'

export type Provider = 'stripe' | 'revenuecat'
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
