import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { ApiError, errors } from '../errors.ts'
import { embedDashboard } from '../schemas/embeds.ts'
import { principalOf } from './authentication.ts'

const BASE = '/api/analytics'

/**
 * Holds embed tokens to their dashboard: reads of its routes only, with the link's filters put in here, so that neither
 * leaving them out nor sending others changes what is read.
 */
export const embedScope = fp(async (app: FastifyInstance) => {
  app.addHook('onRequest', async (request) => {
    const embed = principalOf(request)?.embed
    if (!embed) return
    const { reads } = embedDashboard(embed.dashboard)
    const allowed = ['/session', ...reads].some((path) => request.routeOptions.url === BASE + path)
    if (!allowed || (request.method !== 'GET' && request.method !== 'HEAD')) throw new ApiError(errors.EMBED_SCOPE)
  })
  app.addHook('preValidation', async (request) => {
    const embed = principalOf(request)?.embed
    if (embed && request.routeOptions.url !== `${BASE}/session`) lockFilters(request, embed.filters)
  })
})

function lockFilters(request: FastifyRequest, filters: Readonly<Record<string, readonly string[] | undefined>>): void {
  const query = request.query as Record<string, unknown>
  if (Object.keys(query).some((name) => name.startsWith('filter[') || name === 'coach'))
    throw new ApiError(errors.EMBED_SCOPE, { detail: 'The filters of an embedded dashboard are locked.' })
  for (const [dimension, values] of Object.entries(filters))
    if (values !== undefined) query[`filter[${dimension}]`] = [...values]
}
