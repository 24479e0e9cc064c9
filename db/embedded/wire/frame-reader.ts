/** Largest message accepted from a client, in bytes. PostgreSQL itself stops at 1 GB; this engine shares 4 GB with everything. */
export const MAX_MESSAGE_BYTES = 256 * 1024 * 1024

export class MessageTooLarge extends Error {}

/**
 * Cuts the byte stream of one client into whole protocol messages, whatever the socket's chunks are.
 * Chunks are joined only when a message spans them, so a 100 MB message is copied once, not once per chunk.
 */
export class FrameReader {
  #chunks: Buffer[] = []
  #length = 0

  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#length += chunk.length
  }

  /** The next start-up packet (Int32 length, then the body; no type byte), length included; null until it is complete. */
  nextStartup(): Buffer | null {
    return this.#next(0)
  }

  /** The next ordinary message (type byte, Int32 length, body), header included; null until it is complete. */
  nextMessage(): Buffer | null {
    return this.#next(1)
  }

  #next(lengthAt: 0 | 1): Buffer | null {
    if (this.#length < lengthAt + 4) return null
    const length = this.#peek(lengthAt + 4).readInt32BE(lengthAt) + lengthAt
    if (length < lengthAt + 4 || length > MAX_MESSAGE_BYTES) throw new MessageTooLarge(`message of ${length} bytes`)
    if (this.#length < length) return null
    const all = this.#peek(length)
    this.#chunks[0] = all.subarray(length)
    this.#length -= length
    if (this.#length === 0) this.#chunks = []
    return all.subarray(0, length)
  }

  /** The first chunk, joined with its successors if it is shorter than `bytes`. */
  #peek(bytes: number): Buffer {
    const first = this.#chunks[0] ?? Buffer.alloc(0)
    if (first.length >= bytes) return first
    const joined = Buffer.concat(this.#chunks)
    this.#chunks = [joined]
    return joined
  }
}
