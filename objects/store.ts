import type { Readable } from 'node:stream'

export interface StoredObject {
  readonly key: string
  readonly bytes: number
  readonly modifiedAt: Date
}

export interface LinkOptions {
  readonly expiresInSeconds: number
  /** The name under which a browser saves it. */
  readonly filename: string
}

/** Where exports and landing files are kept. Every method throws InvalidKey for a key that `key.ts` refuses. */
export interface ObjectStore {
  /** Writes an object whole or not at all, replacing what was there. `sha256`: hex, of the bytes as given. */
  put(
    key: string,
    body: Readable | Uint8Array,
    options: { readonly contentType: string },
  ): Promise<{ bytes: number; sha256: string }>
  /** Throws ObjectNotFound. Whoever does not read the stream to its end destroys it. */
  get(key: string): Promise<Readable>
  head(key: string): Promise<{ bytes: number } | undefined>
  /** Every object whose key begins with `prefix`, in no particular order. */
  list(prefix: string): AsyncIterable<StoredObject>
  /** Deleting what is not there is fine. */
  delete(key: string): Promise<void>
  /** An address that anybody who knows it may read until it expires. Does not check that the object is there. */
  signedUrl(key: string, options: LinkOptions): Promise<string>
  /** Gives back connections. */
  close(): Promise<void>
}

export class ObjectNotFound extends Error {
  constructor(key: string, options?: ErrorOptions) {
    super(`there is no object ${key}`, options)
    this.name = 'ObjectNotFound'
  }
}

export class InvalidKey extends Error {
  constructor(reason: string) {
    super(`not a name for an object: ${reason}`)
    this.name = 'InvalidKey'
  }
}
