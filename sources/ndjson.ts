import { isReservedId, userIdPattern } from './envelope.ts'
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

export type Batch = {
  readonly sent_at?: string
  /** The device whose numbering `sequence` of the events follows. */
  readonly device_id?: string
  readonly events: readonly unknown[]
}

export type BatchResult =
  | { readonly ok: true; readonly batch: Batch }
  | { readonly ok: false; readonly code: BatchErrorCode; readonly message: string }

const refuse = (code: BatchErrorCode): BatchResult => ({ ok: false, code, message: batchErrors[code] })

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function build({ sent_at, device_id }: Record<string, unknown>, events: readonly unknown[]): BatchResult {
  const given = { sent_at: sent_at ?? undefined, device_id: device_id ?? undefined }
  if (given.sent_at !== undefined && (typeof given.sent_at !== 'string' || parseInstant(given.sent_at) === null))
    return refuse('invalid_sent_at')
  if (given.device_id !== undefined && !isDeviceId(given.device_id)) return refuse('invalid_device_id')
  return {
    ok: true,
    batch: {
      ...(given.sent_at === undefined ? {} : { sent_at: given.sent_at }),
      ...(given.device_id === undefined ? {} : { device_id: given.device_id }),
      events,
    },
  }
}

const isDeviceId = (value: unknown): value is string =>
  typeof value === 'string' && userIdPattern.test(value) && !isReservedId(value)

/** The numbers a device gave its events, those that have one: whole and from 1 on. */
export function sequencesOf(events: readonly unknown[]): number[] {
  return events.flatMap((event) => {
    const number = isObject(event) ? event.sequence : undefined
    return typeof number === 'number' && Number.isSafeInteger(number) && number >= 1 ? [number] : []
  })
}

/** Checks a body that is already JSON: `{sent_at?, device_id?, events: […]}`. */
export function readBatch(body: unknown): BatchResult {
  if (!isObject(body) || !Array.isArray(body.events)) return refuse('invalid_batch')
  return build(body, body.events)
}

/** Parses a whole JSON body. Never throws. */
export function parseJsonBatch(text: string): BatchResult {
  const body = parseLine(text.startsWith('\uFEFF') ? text.slice(1) : text)
  return body instanceof UnparsableLine ? refuse('invalid_body') : readBatch(body)
}

/**
 * Parses NDJSON: one event per line, blank lines ignored, and optionally a first line that is only
 * `{"sent_at": …, "device_id": …}`, either or both.
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
  if (isObject(first) && isHeader(first)) return build(first, events.slice(1))
  return build({}, events)
}

const headerFields = ['sent_at', 'device_id']
const isHeader = (line: Record<string, unknown>): boolean => {
  const names = Object.keys(line)
  return names.length > 0 && names.every((name) => headerFields.includes(name))
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return new UnparsableLine(line.length)
  }
}
