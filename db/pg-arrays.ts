/**
 * Arrays as parameters in PostgreSQL's binary format (`array_recv`), which `pg` passes on as it is: neither side makes text
 * of numbers and instants, quotes strings or reads field names, as it would with JSON. One dimension, from 1.
 */

const TEXT = 25
const JSONB = 3802
const INTEGER = 23
const BIGINT = 20
const BOOLEAN = 16
const TIMESTAMPTZ = 1184

const HEADER = 20
const NULL = -1
/** Of UTF-8, for a UTF-16 code unit. */
const MOST_BYTES = 3
const JSONB_VERSION = 1
/** Milliseconds from 1970 to 2000, where PostgreSQL's timestamps begin. */
const EPOCH_2000 = 946_684_800_000

function startArray(buffer: Buffer, type: number, length: number, hasNulls: boolean): Buffer {
  buffer.writeInt32BE(1, 0)
  buffer.writeInt32BE(hasNulls ? 1 : 0, 4)
  buffer.writeInt32BE(type, 8)
  buffer.writeInt32BE(length, 12)
  buffer.writeInt32BE(1, 16)
  return buffer
}

function ofTexts(type: number, texts: readonly (string | null)[], prefix?: number): Buffer {
  const before = prefix === undefined ? 0 : 1
  let most = HEADER
  let hasNulls = false
  for (const text of texts) {
    most += 4 + before
    if (text === null) hasNulls = true
    else most += text.length * MOST_BYTES
  }
  const buffer = startArray(Buffer.allocUnsafe(most), type, texts.length, hasNulls)
  let at = HEADER
  for (const text of texts) {
    if (text === null) {
      at = buffer.writeInt32BE(NULL, at)
      continue
    }
    if (prefix !== undefined) buffer[at + 4] = prefix
    const bytes = before + buffer.write(text, at + 4 + before)
    buffer.writeInt32BE(bytes, at)
    at += 4 + bytes
  }
  return buffer.subarray(0, at)
}

/** `bytes` of each value; `write` puts it at an offset. */
function ofFixed<T>(
  type: number,
  bytes: number,
  values: readonly T[],
  write: (buffer: Buffer, value: T, at: number) => void,
): Buffer {
  const buffer = startArray(Buffer.allocUnsafe(HEADER + values.length * (4 + bytes)), type, values.length, false)
  let at = HEADER
  for (const value of values) {
    buffer.writeInt32BE(bytes, at)
    write(buffer, value, at + 4)
    at += 4 + bytes
  }
  return buffer
}

/** `text[]`. */
export const textArray = (texts: readonly (string | null)[]): Buffer => ofTexts(TEXT, texts)

/** `jsonb[]` of JSON texts. */
export const jsonbArray = (jsonTexts: readonly string[]): Buffer => ofTexts(JSONB, jsonTexts, JSONB_VERSION)

/** `integer[]`. */
export const integerArray = (values: readonly number[]): Buffer =>
  ofFixed(INTEGER, 4, values, (buffer, value, at) => buffer.writeInt32BE(value, at))

/** `boolean[]`. */
export const booleanArray = (values: readonly boolean[]): Buffer =>
  ofFixed(BOOLEAN, 1, values, (buffer, value, at) => buffer.writeUInt8(value ? 1 : 0, at))

/** `bigint[]` of the first eight bytes (latin1) of each text, signed, big-endian. */
export const bigintArray = (values: readonly string[]): Buffer =>
  ofFixed(BIGINT, 8, values, (buffer, value, at) => buffer.write(value, at, 8, 'latin1'))

/** `timestamptz[]` of milliseconds since 1970. */
export const instantArray = (instants: readonly number[]): Buffer =>
  ofFixed(TIMESTAMPTZ, 8, instants, (buffer, ms, at) => {
    const microseconds = (ms - EPOCH_2000) * 1000
    const high = Math.floor(microseconds / 2 ** 32)
    buffer.writeInt32BE(high, at)
    buffer.writeUInt32BE(microseconds - high * 2 ** 32, at + 4)
  })
