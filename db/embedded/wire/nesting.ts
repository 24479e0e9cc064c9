/**
 * Deepest nesting of JSON accepted in a parameter. PostgreSQL's guard against deep recursion (max_stack_depth) does not work
 * in this build: between 500 and 2000 levels overwrite the stack, which kills the engine or lets it spin. A server
 * answers the same input with SQLSTATE 54001, so that is what the client gets here, with room to spare.
 */
export const MAX_NESTING = 200

const BYTE = { quote: 0x22, backslash: 0x5c, open: 0x5b, close: 0x5d, openBrace: 0x7b, closeBrace: 0x7d } as const

/** Element types of arrays that may hold JSON, by OID: text, json, varchar, jsonb. */
const TEXTS = new Set([25, 114, 1043, 3802])
const ARRAY_HEADER = 20

/** Whether any parameter of a Bind message is JSON (or looks like it) nested deeper than `limit`. */
export function isNestedTooDeeply(bind: Buffer, limit = MAX_NESTING): boolean {
  if (bind.length <= limit) return false
  let at = bind.indexOf(0, bind.indexOf(0, 5) + 1) + 1
  const formats = Array.from({ length: bind.readInt16BE(at) }, (_, i) => bind.readInt16BE(at + 2 + 2 * i))
  at += 2 + 2 * formats.length
  const parameters = bind.readUInt16BE(at)
  at += 2
  for (let i = 0; i < parameters; i += 1) {
    const length = bind.readInt32BE(at)
    at += 4
    if (length < 0) continue
    const isBinary = (formats.length === 1 ? formats[0] : formats[i]) === 1
    if (length > limit) {
      const texts = (isBinary && elementsOf(bind, at, at + length)) || [[at, at + length] as const]
      if (texts.some(([from, to]) => to - from > limit && isDeep(bind, from, to, limit))) return true
    }
    at += length
  }
  return false
}

/** Where the texts of a binary array are; none in one of numbers or instants, whose bytes mean no brackets. Undefined: no array. */
function elementsOf(bytes: Buffer, from: number, to: number): (readonly [number, number])[] | undefined {
  if (to - from < ARRAY_HEADER || bytes.readInt32BE(from) !== 1 || bytes.readUInt32BE(from + 4) > 1) return undefined
  const found: (readonly [number, number])[] = []
  let at = from + ARRAY_HEADER
  for (let left = bytes.readInt32BE(from + 12); left > 0; left -= 1) {
    if (at + 4 > to) return undefined
    const length = bytes.readInt32BE(at)
    at += 4
    if (length < 0) continue
    found.push([at, at + length])
    at += length
  }
  if (at !== to) return undefined
  return TEXTS.has(bytes.readInt32BE(from + 8)) ? found : []
}

/** Counts brackets outside JSON strings; the text need not be valid JSON, for an invalid one is recursed into as well. */
function isDeep(bytes: Buffer, from: number, to: number, limit: number): boolean {
  let depth = 0
  let inString = false
  for (let at = from; at < to; at++) {
    const byte = bytes[at]
    if (inString) {
      if (byte === BYTE.backslash) at++
      else if (byte === BYTE.quote) inString = false
    } else if (byte === BYTE.quote) inString = true
    else if (byte === BYTE.open || byte === BYTE.openBrace) {
      if (++depth > limit) return true
    } else if (byte === BYTE.close || byte === BYTE.closeBrace) depth--
  }
  return false
}
