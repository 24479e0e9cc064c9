import { createHash } from 'node:crypto'
import { Transform, type TransformCallback } from 'node:stream'

/** Passes bytes on unchanged; afterwards `bytes` and `sha256()` tell what passed. */
export class Measure extends Transform {
  bytes = 0
  readonly #hash = createHash('sha256')

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.bytes += chunk.length
    this.#hash.update(chunk)
    done(null, chunk)
  }

  /** Hex; once, when everything has passed. */
  sha256(): string {
    return this.#hash.digest('hex')
  }
}
