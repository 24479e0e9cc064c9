import { hash } from 'node:crypto'
import type { ParsedEvent } from '../sources/envelope.ts'

/** For JSON.stringify: objects with their keys in order, because senders and databases do not keep the order of keys. */
export const sortKeys = (_key: string, value: unknown): unknown =>
  value !== null && typeof value === 'object' && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value

/** Whether sorting the keys, at any depth, would change nothing. */
function isSorted(value: unknown): boolean {
  if (value === null || typeof value !== 'object') return true
  if (Array.isArray(value)) return value.every(isSorted)
  let last = ''
  for (const [key, inner] of Object.entries(value)) {
    if (key < last || !isSorted(inner)) return false
    last = key
  }
  return true
}

/** The properties as JSON with sorted keys: equal properties give equal texts. */
export const propertiesText = (properties: ParsedEvent['properties']): string =>
  // Most senders' few keys are in order already, and a replacer costs several times the rest.
  isSorted(properties) ? JSON.stringify(properties) : JSON.stringify(properties, sortKeys)

/**
 * SHA-256 over the stored content, of whose bytes (latin1: a buffer for each event would cost as much as the hash) the first
 * eight tell a retry from a conflict. `text`: its `propertiesText`.
 */
export function contentHash({ type, user_id, session_id, source }: ParsedEvent, text: string): string {
  const content = `${JSON.stringify([type, user_id, session_id, source]).slice(0, -1)},${text}]`
  return hash('sha256', content, 'binary')
}

/** The hash as its column has it: a signed number, which JavaScript's are too short for. */
export const decimal = (contentHash: string): string => Buffer.from(contentHash, 'latin1').readBigInt64BE().toString()
