import { SignJWT } from 'jose'
import { claimsSchema, type Role } from './principal.ts'

export type TokenRequest = {
  readonly sub: string
  /** uuid of the tenant. */
  readonly tenantId: string
  readonly role: Role
  /** Needed for, and only for, a coach. */
  readonly coachId?: string | undefined
  /** How long it is valid: `90s`, `30m`, `12h`, `7d`. */
  readonly ttl: string
}

export type Signer = {
  readonly secret: Uint8Array
  readonly issuer?: string | undefined
  readonly audience?: string | undefined
}

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const
const MAX_TTL_SECONDS = 366 * SECONDS.d

/** Seconds of a duration such as `12h`; throws for anything else, for 0 and for more than 366 days. */
export function parseTtl(text: string): number {
  const [, amount, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? []
  const seconds = Number(amount) * SECONDS[unit as keyof typeof SECONDS]
  if (seconds > 0 && seconds <= MAX_TTL_SECONDS) return seconds
  throw new Error('the time to live must look like 30m, 12h or 7d, and be at most 366d')
}

/** A signed HS256 token, checked against the same claims that the API checks. Throws when it could not be used. */
export async function signToken(request: TokenRequest, signer: Signer): Promise<string> {
  const { sub, tenantId, role, coachId } = request
  if (coachId !== undefined && role !== 'coach') throw new Error('a coach id belongs to the role coach only')
  const claims = { tenant_id: tenantId, role, ...(coachId === undefined ? {} : { coach_id: coachId }) }
  const checked = claimsSchema.safeParse({ sub, ...claims })
  if (!checked.success) {
    const [issue] = checked.error.issues
    throw new Error(`${issue?.path.join('.') ?? 'claims'}: ${issue?.message ?? 'not valid'}`)
  }
  const now = Math.floor(Date.now() / 1000)
  const token = new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(sub)
    .setIssuedAt(now)
    .setExpirationTime(now + parseTtl(request.ttl))
  if (signer.issuer) token.setIssuer(signer.issuer)
  if (signer.audience) token.setAudience(signer.audience)
  return token.sign(signer.secret)
}
