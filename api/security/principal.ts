import { z } from 'zod'
import { ApiError, errors } from '../errors.ts'
import type { EmbedScope } from '../schemas/embeds.ts'

export const roles = ['admin', 'coach', 'finance', 'service'] as const
export type Role = (typeof roles)[number]

/** Who asks, from a verified token only. `coachId` is set exactly for coaches. */
export type Principal = {
  readonly sub: string
  /** Lower-case uuid. */
  readonly tenantId: string
  readonly role: Role
  readonly coachId?: string
  /** Set for the token of an embed link: it reads this dashboard only (api/plugins/embed-scope.ts). */
  readonly embed?: EmbedScope
}

/** What a token must say about its bearer; a coach's token must say which coach, or it would see every member. */
export const claimsSchema = z
  .object({
    sub: z.string().min(1).max(256),
    tenant_id: z.guid().toLowerCase(),
    role: z.enum(roles),
    coach_id: z.string().min(1).max(128).optional(),
  })
  .refine((claims) => claims.role !== 'coach' || claims.coach_id !== undefined, {
    path: ['coach_id'],
    message: 'a coach token needs coach_id',
  })
  .transform(
    ({ sub, tenant_id, role, coach_id }): Principal => ({
      sub,
      tenantId: tenant_id,
      role,
      // Only a coach is limited to a coach's members; on other roles the claim means nothing.
      ...(role === 'coach' && coach_id !== undefined ? { coachId: coach_id } : {}),
    }),
  )

/** Throws 403 unless the principal has one of the roles. Routes declare theirs; metrics check their own as well. */
export function requireRole(principal: Principal, allowed: readonly Role[]): void {
  if (allowed.includes(principal.role)) return
  throw new ApiError(errors.ROLE_NOT_ALLOWED, { detail: `This needs one of the roles: ${allowed.join(', ')}.` })
}

/** What a principal may see inside its tenant: part of every cache key, so that no scope is served another's bytes. */
export const scopeOf = (principal: Principal): string =>
  principal.coachId === undefined ? principal.role : `coach:${principal.coachId}`
