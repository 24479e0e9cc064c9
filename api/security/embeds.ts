import { hkdfSync, randomUUID } from 'node:crypto'
import { decodeProtectedHeader, type JWTPayload, jwtVerify, SignJWT } from 'jose'
import { type EmbedScope, embedScopeSchema } from '../schemas/embeds.ts'
import { claimsSchema, type Principal } from './principal.ts'

/** A token of one embedded dashboard says so in its header; it is signed with a key that signs nothing else. */
const TYPE = 'embed+jwt'
const AUDIENCE = 'upcoach-embed'

/** The key of embed tokens, from the master key: it exists whoever signs people's own tokens. */
export const embedKeyOf = (masterKey: Buffer): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', masterKey, '', 'upcoach embed tokens v1', 32))

export interface EmbedGrant {
  readonly sub: string
  readonly tenantId: string
  readonly role: Principal['role']
  readonly coachId?: string | undefined
  readonly scope: EmbedScope
  readonly expiresAt: Date
}

export function signEmbed({ sub, tenantId, role, coachId, scope, expiresAt }: EmbedGrant, key: Uint8Array) {
  return new SignJWT({ tenant_id: tenantId, role, ...(coachId === undefined ? {} : { coach_id: coachId }), ...scope })
    .setProtectedHeader({ alg: 'HS256', typ: TYPE })
    .setSubject(sub)
    .setAudience(AUDIENCE)
    .setJti(randomUUID())
    .setIssuedAt()
    .setExpirationTime(expiresAt)
    .sign(key)
}

/** Only says which key to try: a token that claims the type without the key's signature is refused. */
export function claimsToBeEmbed(token: string): boolean {
  try {
    return decodeProtectedHeader(token).typ === TYPE
  } catch {
    return false
  }
}

export async function verifyEmbed(token: string, key: Uint8Array): Promise<JWTPayload> {
  const options = { algorithms: ['HS256'], typ: TYPE, audience: AUDIENCE, requiredClaims: ['exp', 'sub'] }
  return (await jwtVerify(token, key, options)).payload
}

/** The principal of an embed token's claims; undefined when they are not usable. */
export function embedPrincipal(payload: JWTPayload): Principal | undefined {
  const claims = claimsSchema.safeParse(payload)
  const scope = embedScopeSchema.safeParse(payload)
  return claims.success && scope.success ? { ...claims.data, embed: scope.data } : undefined
}
