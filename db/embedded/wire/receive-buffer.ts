/** Size of the engine's receive buffer, in bytes. */
const BUFFER = 8192

/** A Flush message: does nothing where nothing waits to be answered. */
const flush = Buffer.from([0x48, 0, 0, 0, 4])

/**
 * The same messages, moved so that none of them but the last ends where the engine's receive buffer does: it would take that
 * for the end of all that was sent, leave out the rest, Sync included, and wait for it forever.
 */
export function clearOfBufferEnds(messages: Buffer): Buffer {
  let moved = messages
  while (endsWithBuffer(moved)) moved = Buffer.concat([flush, moved])
  return moved
}

function endsWithBuffer(messages: Buffer): boolean {
  for (let at = 0; at < messages.length; ) {
    at += 1 + messages.readInt32BE(at + 1)
    if (at % BUFFER === 0 && at < messages.length) return true
  }
  return false
}
