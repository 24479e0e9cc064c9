import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { authenticate, verificationKeys } from '../../../api/security/keys.ts'
import { roles } from '../../../api/security/principal.ts'
import { parseTtl, signToken } from '../../../api/security/tokens.ts'
import { secret, tenantA } from '../support/harness.ts'

const none = { JWKS_URL: undefined, JWT_ISSUER: undefined, JWT_AUDIENCE: undefined }
const keys = verificationKeys(none, secret)

describe('a signed token', () => {
  test('authenticates as exactly who it was made for', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ minLength: 1, maxLength: 40 }),
        fc.uuid(),
        fc.constantFrom(...roles),
        fc.string({ minLength: 1, maxLength: 20 }),
        async (sub, tenantId, role, coach) => {
          const coachId = role === 'coach' ? coach : undefined
          const token = await signToken({ sub, tenantId, role, coachId, ttl: '1h' }, { secret })
          const principal = await authenticate(`Bearer ${token}`, keys)
          expect(principal).toEqual({ sub, tenantId, role, ...(coachId === undefined ? {} : { coachId }) })
        },
      ),
      { numRuns: 50 },
    )
  })

  test('carries issuer and audience when they are configured', async () => {
    const strict = verificationKeys({ ...none, JWT_ISSUER: 'us', JWT_AUDIENCE: 'analytics' }, secret)
    const request = { sub: 'u', tenantId: tenantA, role: 'admin', ttl: '1h' } as const
    const full = await signToken(request, { secret, issuer: 'us', audience: 'analytics' })
    expect(await authenticate(`Bearer ${full}`, strict)).toMatchObject({ role: 'admin' })
    await expect(authenticate(`Bearer ${await signToken(request, { secret })}`, strict)).rejects.toMatchObject({
      code: 'token_invalid',
    })
  })

  test('is not made for a coach without an id, an id without a coach, or a tenant that is no uuid', async () => {
    const request = { sub: 'u', tenantId: tenantA, role: 'admin', ttl: '1h' } as const
    await expect(signToken({ ...request, role: 'coach' }, { secret })).rejects.toThrow('a coach token needs coach_id')
    await expect(signToken({ ...request, coachId: 'c1' }, { secret })).rejects.toThrow('role coach only')
    await expect(signToken({ ...request, tenantId: 'demo' }, { secret })).rejects.toThrow('tenant_id')
    await expect(signToken({ ...request, ttl: 'soon' }, { secret })).rejects.toThrow('time to live')
  })
})

describe('a time to live', () => {
  test.each([
    ['90s', 90],
    ['30m', 1800],
    ['12h', 43_200],
    ['366d', 366 * 86_400],
  ])('%s is %i seconds', (text, seconds) => expect(parseTtl(text)).toBe(seconds))

  test.each(['', '12', 'h', '0h', '-1h', '1.5h', '12 h', '367d', '12H', '1w', '9999999999s'])('%j is refused', (text) =>
    expect(() => parseTtl(text)).toThrow('time to live'),
  )
})
