/**
 * Deepest nesting of JSON accepted in a parameter. PostgreSQL's guard against deep recursion (max_stack_depth) does not work
 * in this build: between 500 and 2000 levels overwrite the stack, which kills the engine or lets it spin. A server
 * answers the same input with SQLSTATE 54001, so that is what the client gets here, with room to spare.
 */
export const MAX_NESTING = 200

const BYTE = { quote: 0x22, backslash: 0x5c, open: 0x5b, close: 0x5d, openBrace: 0x7b, closeBrace: 0x7d } as const

/** Whether any parameter of a Bind message is JSON (or looks like it) nested deeper than `limit`. */
export function isNestedTooDeeply(bind: Buffer, limit = MAX_NESTING): boolean {
  if (bind.length <= limit) return false
  let at = bind.indexOf(0, bind.indexOf(0, 5) + 1) + 1
  at += 2 + 2 * bind.readInt16BE(at)
  let parameters = bind.readUInt16BE(at)
  at += 2
  for (; parameters > 0; parameters--) {
    const length = bind.readInt32BE(at)
    at += 4
    if (length < 0) continue
    if (length > limit && isDeep(bind, at, at + length, limit)) return true
    at += length
  }
  return false
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
