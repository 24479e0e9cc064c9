import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import type { z } from 'zod'
import type { Tenant } from '../../../db/tenant.ts'
import { sessionAnswerSchema, signInAnswerSchema } from '../../schemas/session.ts'
import type { AnalyticsOptions } from './options.ts'

type Session = z.infer<typeof sessionAnswerSchema>

/** The tenant's language tag; what the runtime does not know would break every number on the page. */
function localeOf(tenant: Tenant): string {
  const { locale } = tenant.settings
  return typeof locale === 'string' && Intl.NumberFormat.supportedLocalesOf(locale).length > 0 ? locale : 'en'
}

/** What the web page asks before anything else: how to sign in, and then who it is for. */
export const sessionRoutes: FastifyPluginAsyncZod<AnalyticsOptions> = async (app, { contextOf }) => {
  app.get(
    '/session',
    {
      config: { roles: ['admin', 'coach', 'finance'], audit: false },
      schema: { tags: ['session'], summary: 'Who the token stands for', response: { 200: sessionAnswerSchema } },
    },
    async (request, reply) => {
      const { principal } = request
      const { tenant } = await contextOf(principal.tenantId)
      reply.header('cache-control', 'no-store')
      const { slug, name, timezone, currency, settings } = tenant
      return {
        tenant: { slug, name, timezone, currency, locale: localeOf(tenant) },
        // the route's roles leave out `service`
        role: principal.role as Session['role'],
        coach_id: principal.coachId ?? null,
        embed: principal.embed ?? null,
        features: { analytics_v2: settings['feature.analytics_v2'] === true },
      }
    },
  )

  app.get(
    '/sign-in',
    {
      config: { public: true, database: false, audit: false },
      schema: { tags: ['session'], summary: 'How to sign in', response: { 200: signInAnswerSchema } },
    },
    async () => {
      const { OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_SCOPE } = app.deps.config
      if (OIDC_ISSUER === undefined || OIDC_CLIENT_ID === undefined) return { oidc: null }
      return { oidc: { issuer: OIDC_ISSUER, client_id: OIDC_CLIENT_ID, scope: OIDC_SCOPE } }
    },
  )
}
