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
  app.addHook('onSend', async (_request, reply) => {
    // Or the client's kept-alive connection would hold the server open long after its last answer.
    if (draining) reply.header('connection', 'close')
  })
  app.addHook('onRequest', async (request) => {
    // A connection kept alive is the only way a request still gets here.
    if (draining && request.routeOptions.config.database !== false) {
      throw new ApiError(errors.SHUTTING_DOWN, { headers: { 'retry-after': '1' } })
    }
    if (request.is404 || request.routeOptions.config.database === false) return
    if (!options.database.available()) throw databaseUnavailable()
  })
})
