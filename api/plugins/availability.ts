import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { databaseUnavailable } from '../database-errors.ts'
import { ApiError, errors } from '../errors.ts'
import '../route-config.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** True from the moment the app begins to close: readiness fails and new requests are turned away. */
    isDraining(): boolean
  }
}

/** Turns requests away at once, with 503, while we shut down or while the database they need is not there. */
export const availability = fp(async (app: FastifyInstance, options: { database: { available(): boolean } }) => {
  let draining = false
  app.decorate('isDraining', () => draining)
  app.addHook('preClose', async () => {
    draining = true
  })
  app.addHook('onRequest', async (request, reply) => {
    if (draining) {
      // A kept-alive connection is the only way a request still gets here.
      reply.header('connection', 'close')
      if (request.routeOptions.config.database !== false)
        throw new ApiError(errors.SHUTTING_DOWN, { headers: { 'retry-after': '1' } })
    }
    if (request.is404 || request.routeOptions.config.database === false) return
    if (!options.database.available()) throw databaseUnavailable()
  })
})
