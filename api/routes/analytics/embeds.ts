import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { ApiError, errors } from '../../errors.ts'
import { embedAnswerSchema, embedDashboard, embedRequestSchema } from '../../schemas/embeds.ts'
import { signEmbed } from '../../security/embeds.ts'
import type { AnalyticsOptions } from './options.ts'

/** Links to one dashboard for somebody else's page: signed, read-only, expiring, tenant and filters locked. */
export const embedRoutes: FastifyPluginAsyncZod<AnalyticsOptions & { embedKey: Uint8Array }> = async (
  app,
  { contextOf, embedKey },
) => {
  app.post(
    '/embeds',
    {
      config: { roles: ['admin', 'coach', 'finance'], audit: 'embed.create', errors: [errors.FEATURE_OFF] },
      schema: {
        tags: ['embeds'],
        summary: 'A link to one embedded dashboard',
        description: 'Make it on your server when the page that frames it is opened; docs/embedding.md has an example.',
        body: embedRequestSchema,
        response: { 201: embedAnswerSchema },
      },
    },
    async (request, reply) => {
      const { principal, body } = request
      const { dashboard, filters, view } = body
      const { tenant } = await contextOf(principal.tenantId)
      if (tenant.settings['feature.analytics_v2'] !== true) throw new ApiError(errors.FEATURE_OFF)
      const coachId = principal.coachId ?? body.coach_id
      if (body.coach_id !== undefined && body.coach_id !== coachId) throw new ApiError(errors.ROLE_NOT_ALLOWED)
      const role = coachId === undefined ? principal.role : 'coach'
      const { roles, filters: lockable } = embedDashboard(dashboard)
      const mayHandOut = principal.role !== 'finance' || body.coach_id === undefined
      if (!mayHandOut || !roles.some((name) => name === role))
        throw new ApiError(errors.ROLE_NOT_ALLOWED, { detail: `${dashboard} is for: ${roles.join(', ')}.` })
      const unknown = Object.keys(filters).filter((name) => !lockable.some((other) => other === name))
      if (unknown.length > 0)
        throw new ApiError(errors.VALIDATION_FAILED, {
          errors: unknown.map((name) => ({
            path: `filters.${name}`,
            message: `${dashboard} can lock: ${lockable.join(', ') || 'none'}`,
          })),
        })
      const expiresAt = new Date(Date.now() + body.expires_in_seconds * 1000)
      const token = await signEmbed(
        { sub: `embed:${principal.sub}`, tenantId: tenant.id, role, coachId, scope: { dashboard, filters }, expiresAt },
        embedKey,
      )
      const base = app.deps.config.PUBLIC_URL ?? `${request.protocol}://${request.host}`
      const query = new URLSearchParams(
        Object.entries(view).filter((entry): entry is [string, string] => entry[1] !== undefined),
      ).toString()
      reply.code(201).header('cache-control', 'no-store')
      return {
        dashboard,
        url: `${base.replace(/\/$/, '')}/embed/${dashboard}${query && `?${query}`}#token=${token}`,
        token,
        expires_at: expiresAt.toISOString(),
      }
    },
  )
}
