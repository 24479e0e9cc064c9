import { hash } from 'node:crypto'
import type { ParsedEvent } from '../sources/envelope.ts'

/**
 * SHA-256 over the stored content, of whose bytes (latin1: a buffer for each event would cost as much as the hash) the first
 * eight tell a retry from a conflict. `text`: the properties as `sortedJson`.
 */
export function contentHash({ type, user_id, session_id, source }: ParsedEvent, text: string): string {
  const content = `${JSON.stringify([type, user_id, session_id, source]).slice(0, -1)},${text}]`
  return hash('sha256', content, 'binary')
}

/** The hash as its column has it: a signed number, which JavaScript's are too short for. */
export const decimal = (contentHash: string): string => Buffer.from(contentHash, 'latin1').readBigInt64BE().toString()
