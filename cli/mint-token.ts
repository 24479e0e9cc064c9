import { SignJWT } from 'jose'
import { type Role, roles } from '../api/security/principal.ts'
import { loadSecrets } from '../api/security/secrets.ts'
import type { Config } from '../config.ts'
import { UserError, usageError } from './run.ts'

export interface TokenRequest {
  readonly tenantId: string
  readonly role: Role
  /** Who holds it, as the audit log will name them. */
  readonly subject: string
  readonly ttlSeconds: number
  readonly coachId?: string | undefined
}

/** Signs a token with the platform's own key; a user error when an identity provider issues them instead. */
export async function mintToken(config: Config, request: TokenRequest): Promise<string> {
  const { jwtSecret } = await loadSecrets(config)
  if (!jwtSecret) throw new UserError('JWKS_URL is set: tokens come from your identity provider')
  const claims = {
    tenant_id: request.tenantId,
    role: request.role,
    ...(request.coachId === undefined ? {} : { coach_id: request.coachId }),
  }
  const now = Math.floor(Date.now() / 1000)
  const token = new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(request.subject)
    .setIssuedAt(now)
    .setExpirationTime(now + request.ttlSeconds)
  if (config.JWT_ISSUER) token.setIssuer(config.JWT_ISSUER)
  if (config.JWT_AUDIENCE) token.setAudience(config.JWT_AUDIENCE)
  return token.sign(jwtSecret)
}

export const isRole = (value: string): value is Role => (roles as readonly string[]).includes(value)

const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }
const MAX_TTL_SECONDS = 366 * 86_400

/** `90m`, `12h`, `30d` → seconds. */
export function durationSeconds(text: string, option: string): number {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  const seconds = Number(count) * (unitSeconds[unit ?? ''] ?? Number.NaN)
  if (seconds > 0 && seconds <= MAX_TTL_SECONDS) return seconds
  return usageError(`--${option} must look like 90m, 12h or 30d and be at most 366d`)
}
