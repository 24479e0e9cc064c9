import { createHmac, timingSafeEqual } from 'node:crypto'
import Stripe from 'stripe'

/** How old a signature may be: a recorded request cannot be played back later. */
export const TOLERANCE_SECONDS = 300

/** The event of a Stripe webhook, if one of the secrets signed exactly these bytes within the tolerance; else undefined. */
export function verifiedStripeEvent(body: Buffer, header: string, secrets: readonly string[]): unknown {
  for (const secret of secrets) {
    try {
      return Stripe.webhooks.constructEvent(body, header, secret, TOLERANCE_SECONDS)
    } catch (error) {
      // Verified bytes that are no JSON. Everything else is a header that proves nothing: the library's own refusal, or what
      // it throws over an empty signature or one of other bytes than hexadecimal.
      if (error instanceof SyntaxError) throw error
    }
  }
  return undefined
}

/** Compares in constant time, whatever the lengths: both sides are hashed first. */
export function isSame(given: string, expected: string): boolean {
  const digest = (text: string) => createHmac('sha256', 'compare').update(text).digest()
  return timingSafeEqual(digest(given), digest(expected))
}

/** RevenueCat's `t=<seconds>,v1=<hex>`: HMAC-SHA256 of `t.body` under one of the secrets, within the tolerance. */
export function isSignedByRevenuecat(
  body: Buffer,
  header: string,
  secrets: readonly string[],
  now: number = Date.now(),
): boolean {
  const parts = header.split(',').map((part) => part.trim().split('='))
  const time = parts.find(([name]) => name === 't')?.[1] ?? ''
  if (!/^\d{1,12}$/.test(time) || Math.abs(now / 1000 - Number(time)) > TOLERANCE_SECONDS) return false
  const given = parts.flatMap(([name, value]) => (name === 'v1' && value !== undefined ? [value] : []))
  return secrets.some((secret) => {
    const expected = createHmac('sha256', secret).update(`${time}.`).update(body).digest('hex')
    return given.some((signature) => isSame(signature, expected))
  })
}
