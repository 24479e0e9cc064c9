import { createHmac, timingSafeEqual } from 'node:crypto'
import { InvalidKey, type LinkOptions } from './store.ts'

/** What a link says beside the key, as query parameters. */
export interface LinkQuery {
  readonly expires: string
  readonly filename: string
  readonly signature: string
}

/** Names a browser saves files under: nothing that could end a header or mean a path. */
const FILENAME = /^[A-Za-z0-9][A-Za-z0-9._ -]{0,150}$/

/** Every part has its length before it, so that no two different links have the same text. */
const textOf = (key: string, expires: string, filename: string): string =>
  ['upcoach object link v1', key, expires, filename].map((part) => `${part.length}:${part}`).join('')

const sign = (secret: Uint8Array, key: string, expires: string, filename: string): Buffer =>
  createHmac('sha256', secret)
    .update(textOf(key, expires, filename))
    .digest()

export function checkFilename(filename: string): void {
  if (!FILENAME.test(filename)) throw new InvalidKey('a file name has letters, digits, spaces and ._-')
}

/** Path and query of a link to a local object, valid until `expiresInSeconds` from now. */
export function signLink(secret: Uint8Array, key: string, options: LinkOptions, now = Date.now()): string {
  checkFilename(options.filename)
  const expires = String(Math.floor(now / 1000) + options.expiresInSeconds)
  const signature = sign(secret, key, expires, options.filename).toString('base64url')
  const query = new URLSearchParams({ expires, filename: options.filename, signature })
  return `/objects/${key}?${query}`
}

/** Whether a link is ours and still holds. Takes the same time for every wrong signature. */
export function verifyLink(
  secret: Uint8Array,
  key: string,
  { expires, filename, signature }: LinkQuery,
  now = Date.now(),
): 'valid' | 'invalid' | 'expired' {
  const given = Buffer.from(signature, 'base64url')
  const right = sign(secret, key, expires, filename)
  // The text must be the one spelling of its bytes: base64url decoders skip what they do not know.
  const isOurs =
    given.length === right.length && timingSafeEqual(given, right) && given.toString('base64url') === signature
  if (!isOurs) return 'invalid'
  return Number(expires) * 1000 > now ? 'valid' : 'expired'
}
