import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import '../route-config.ts'

const EXPOSED = 'ETag, Retry-After, X-Request-Id, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset'
const PREFLIGHT = {
  'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
  'access-control-allow-headers':
    'Authorization, Content-Type, Content-Encoding, If-None-Match, Idempotency-Key, X-Request-Id',
  'access-control-max-age': '600',
}

/**
 * Lets pages of the configured origins read answers. Origins are compared whole; cookies are never allowed, because
 * tokens travel in a header. Without configured origins browsers keep every other site out.
 */
export const crossOrigin = fp(async (app: FastifyInstance, options: { origins: readonly string[] }) => {
  if (options.origins.length === 0) return
  const allowed = new Set(options.origins)
  app.addHook('onRequest', async (request, reply) => {
    // Also on answers to other origins, or a shared cache would give them what was made for an allowed one.
    reply.header('vary', 'Origin')
    const { origin } = request.headers
    if (origin === undefined || !allowed.has(origin)) return
    reply.headers({ 'access-control-allow-origin': origin, 'access-control-expose-headers': EXPOSED })
  })
  // A preflight carries no token, so it is answered before the route it asks about is looked at.
  app.options(
    '*',
    { config: { public: true, database: false, audit: false }, schema: { hide: true } },
    async (request, reply) => {
      if (request.headers.origin && allowed.has(request.headers.origin)) reply.headers(PREFLIGHT)
      return reply.code(204).send()
    },
  )
})
