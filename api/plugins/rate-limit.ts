import fastifyRateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Redis } from 'ioredis'
import { ApiError, errors } from '../errors.ts'
import '../route-config.ts'

/**
 * Routes with `config.heavyRead` share one budget per tenant and minute, whichever route is asked; through Redis it is
 * one budget for all instances. A Redis that does not answer lets reads pass: a limit must not become an outage.
 */
export const rateLimit = fp(async (app: FastifyInstance, options: { perMinute: number; redis?: Redis | undefined }) => {
  await app.register(fastifyRateLimit, {
    global: false,
    max: options.perMinute,
    timeWindow: 60_000,
    keyGenerator: (request: FastifyRequest) => request.principal.tenantId,
    skipOnError: true,
    nameSpace: 'analytics:rate:',
    ...(options.redis ? { redis: options.redis } : {}),
    // The plugin has set X-RateLimit-* and Retry-After by now; they stay on the answer.
    errorResponseBuilder: (_request, { max }) =>
      new ApiError(errors.RATE_LIMITED, { detail: `A tenant may make ${max} heavy reads per minute.` }),
  })
  // One handler, made once: a handler per route would count per route.
  const limit = app.rateLimit()
  app.addHook('onRoute', (route) => {
    if (!route.config?.heavyRead) return
    // Runs after the app's own hooks, so the tenant is known.
    route.onRequest = [...[route.onRequest ?? []].flat(), limit]
  })
})
