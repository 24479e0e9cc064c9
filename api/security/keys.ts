import {
  createRemoteJWKSet,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  errors as joseErrors,
  jwtVerify,
} from 'jose'
import { LRUCache } from 'lru-cache'
import type { Config } from '../../config.ts'
import { ApiError, errors } from '../errors.ts'
import { claimsToBeEmbed, embedPrincipal, verifyEmbed } from './embeds.ts'
import { claimsSchema, type Principal } from './principal.ts'

/** Clock skew between us and whoever issues tokens, in seconds. */
const CLOCK_TOLERANCE_SECONDS = 60

/**
 * How tokens are verified. The algorithm belongs to the key and never comes from the token: a token signed HS256 with a
 * published RSA key (key confusion) or with `alg: none` is refused before its key is looked up.
 */
export type VerificationKeys = {
  readonly algorithm: string
  readonly key: Uint8Array | JWTVerifyGetKey
  readonly issuer?: string | undefined
  readonly audience?: string | undefined
  /** Verifies tokens of embed links; without it there are none. */
  readonly embedKey?: Uint8Array | undefined
}

/** The keys the configuration asks for: an identity provider's JWKS when JWKS_URL is set, else the HS256 secret. */
export function verificationKeys(
  config: Pick<Config, 'JWKS_URL' | 'JWT_ISSUER' | 'JWT_AUDIENCE'>,
  secret: Uint8Array | null,
  jwksAlgorithm = 'RS256',
): VerificationKeys {
  const expected = { issuer: config.JWT_ISSUER, audience: config.JWT_AUDIENCE }
  if (config.JWKS_URL) {
    const key = createRemoteJWKSet(new URL(config.JWKS_URL), { timeoutDuration: 3000 })
    return { algorithm: jwksAlgorithm, key, ...expected }
  }
  if (!secret) throw new Error('neither JWKS_URL nor a JWT secret is there to verify tokens with')
  return { algorithm: 'HS256', key: secret, ...expected }
}

const challenge = { 'www-authenticate': 'Bearer realm="analytics"' }
const invalidChallenge = { 'www-authenticate': 'Bearer realm="analytics", error="invalid_token"' }

/** Reads the bearer token of an Authorization header; 401 when there is none. */
function bearerToken(header: string | undefined): string {
  const token = header?.match(/^Bearer +([\w-]+\.[\w-]+\.[\w-]*)$/i)?.[1]
  if (token) return token
  throw header === undefined
    ? new ApiError(errors.TOKEN_MISSING, { headers: challenge })
    : new ApiError(errors.TOKEN_INVALID, { headers: invalidChallenge })
}

function refused(error: unknown): ApiError {
  if (error instanceof joseErrors.JWTExpired) return new ApiError(errors.TOKEN_EXPIRED, { headers: invalidChallenge })
  const isProviderFault =
    error instanceof joseErrors.JWKSTimeout ||
    error instanceof joseErrors.JWKSInvalid ||
    // jose reports a non-200 answer of the JWKS URL as its plain base class, fetch an unreachable host as TypeError.
    (error instanceof joseErrors.JOSEError && error.code === 'ERR_JOSE_GENERIC') ||
    !(error instanceof joseErrors.JOSEError)
  return isProviderFault
    ? new ApiError(errors.IDENTITY_PROVIDER_UNAVAILABLE, { headers: { 'retry-after': '5' }, cause: error })
    : new ApiError(errors.TOKEN_INVALID, { headers: invalidChallenge, cause: error })
}

async function verifiedPayload(token: string, keys: VerificationKeys): Promise<JWTPayload> {
  const options: JWTVerifyOptions = {
    algorithms: [keys.algorithm],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    requiredClaims: ['exp', 'sub'],
    ...(keys.issuer ? { issuer: keys.issuer } : {}),
    ...(keys.audience ? { audience: keys.audience } : {}),
  }
  try {
    const { key } = keys
    return typeof key === 'function'
      ? (await jwtVerify(token, key, options)).payload
      : (await jwtVerify(token, key, options)).payload
  } catch (error) {
    throw refused(error)
  }
}

/** For so long a token that was verified is taken without checking its signature again: that costs more than a small request. */
const REMEMBERED_MS = 30_000
const MOST_REMEMBERED = 10_000
const verified = new WeakMap<VerificationKeys, LRUCache<string, { principal: Principal; until: number }>>()

/**
 * The principal behind an Authorization header.
 * Throws 401 (missing, invalid, expired) or 503 when the identity provider cannot be asked.
 */
export async function authenticate(header: string | undefined, keys: VerificationKeys): Promise<Principal> {
  const token = bearerToken(header)
  const remembered = verified.get(keys) ?? new LRUCache({ max: MOST_REMEMBERED })
  verified.set(keys, remembered)
  const known = remembered.get(token)
  if (known && Date.now() < known.until) return known.principal
  const { principal, expiresAt } = await verify(token, keys)
  remembered.set(token, { principal, until: Math.min(Date.now() + REMEMBERED_MS, expiresAt) })
  return principal
}

/** `expiresAt`: ms since 1970, with the tolerance. */
async function verify(token: string, keys: VerificationKeys): Promise<{ principal: Principal; expiresAt: number }> {
  if (keys.embedKey && claimsToBeEmbed(token)) return verifyOfEmbed(token, keys.embedKey)
  const payload = await verifiedPayload(token, keys)
  const claims = claimsSchema.safeParse(payload)
  if (claims.success)
    return { principal: claims.data, expiresAt: ((payload.exp ?? 0) + CLOCK_TOLERANCE_SECONDS) * 1000 }
  const missing = claims.error.issues.map((issue) => issue.path.join('.')).join(', ')
  throw new ApiError(errors.TOKEN_INVALID, {
    detail: `The token's claims are not usable: ${missing}.`,
    headers: invalidChallenge,
  })
}

async function verifyOfEmbed(token: string, key: Uint8Array): Promise<{ principal: Principal; expiresAt: number }> {
  const payload = await verifyEmbed(token, key).catch((error: unknown) => {
    throw refused(error)
  })
  const principal = embedPrincipal(payload)
  if (principal) return { principal, expiresAt: (payload.exp ?? 0) * 1000 }
  throw new ApiError(errors.TOKEN_INVALID, { headers: invalidChallenge })
}
