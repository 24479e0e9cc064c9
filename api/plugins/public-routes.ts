import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import '../route-config.ts'

/** For scopes whose routes come from a plugin (documentation, static files): public, without database, not audited. */
export const publicRoutes = fp(async (app: FastifyInstance) => {
  app.addHook('onRoute', (route) => {
    route.config = { ...route.config, public: true, database: false, audit: false }
  })
})
