import { type BatchErrorCode, batchErrors } from './errors.ts'
import { parseInstant } from './time.ts'

/** Stands where an NDJSON line was not JSON. It keeps no text: an unread line may hold personal data. */
export class UnparsableLine {
  readonly unparsable_line = true
  /** Characters of the line. */
  readonly length: number

  constructor(length: number) {
    this.length = length
  }
}

type Batch = { readonly sent_at?: string; readonly events: readonly unknown[] }

export type BatchResult =
  | { readonly ok: true; readonly batch: Batch }
  | { readonly ok: false; readonly code: BatchErrorCode; readonly message: string }

const refuse = (code: BatchErrorCode): BatchResult => ({ ok: false, code, message: batchErrors[code] })

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function build(sentAt: unknown, events: readonly unknown[]): BatchResult {
  if (sentAt === undefined || sentAt === null) return { ok: true, batch: { events } }
  if (typeof sentAt !== 'string' || parseInstant(sentAt) === null) return refuse('invalid_sent_at')
  return { ok: true, batch: { sent_at: sentAt, events } }
}

/** Checks a body that is already JSON: `{sent_at?, events: […]}`. */
export function readBatch(body: unknown): BatchResult {
  if (!isObject(body) || !Array.isArray(body.events)) return refuse('invalid_batch')
  return build(body.sent_at, body.events)
}

/** Parses a whole JSON body. Never throws. */
export function parseJsonBatch(text: string): BatchResult {
  const body = parseLine(text.startsWith('\uFEFF') ? text.slice(1) : text)
  return body instanceof UnparsableLine ? refuse('invalid_body') : readBatch(body)
}

/**
 * Parses NDJSON: one event per line, blank lines ignored, and optionally a first line that is only `{"sent_at": …}`.
 * A line that is not JSON becomes an `UnparsableLine` in its place, so that one bad line is one rejected event with
 * its index. The index counts events, not blank lines. Never throws.
 */
export function parseNdjsonBatch(text: string): BatchResult {
  const events: unknown[] = []
  let start = text.startsWith('\uFEFF') ? 1 : 0
  while (start < text.length) {
    const newline = text.indexOf('\n', start)
    const end = newline === -1 ? text.length : newline
    const line = text.slice(start, end)
    if (line.trim() !== '') events.push(parseLine(line))
    start = end + 1
  }
  const first = events[0]
  if (isObject(first) && 'sent_at' in first && Object.keys(first).length === 1)
    return build(first.sent_at, events.slice(1))
  return build(undefined, events)
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return new UnparsableLine(line.length)
  }
}
