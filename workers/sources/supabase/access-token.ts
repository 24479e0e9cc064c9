import { SignJWT } from 'jose'

export interface TokenOptions {
  /** API key: the service role's, or a secret key. */
  readonly key: string
  /** The project's JWT secret: with it, tokens of `role` are made that live for `seconds`. */
  readonly jwtSecret: string | undefined
  readonly role: string
  readonly seconds: number
}

/**
 * Gives the access token of the moment. Realtime's client asks for it at each heartbeat and sends a new one to the server,
 * so that a connection outlives its token; it is renewed after half of its life.
 */
export function accessToken({ key, jwtSecret, role, seconds }: TokenOptions): () => Promise<string> {
  if (jwtSecret === undefined) return async () => key
  const secret = new TextEncoder().encode(jwtSecret)
  let made: { token: string; renewAt: number } | undefined
  return async () => {
    const now = Date.now()
    if (made && now < made.renewAt) return made.token
    const issued = Math.floor(now / 1000)
    const token = await new SignJWT({ role })
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .setIssuer('upcoach-analytics')
      .setIssuedAt(issued)
      .setExpirationTime(issued + seconds)
      .sign(secret)
    made = { token, renewAt: now + seconds * 500 }
    return token
  }
}
