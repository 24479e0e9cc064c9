import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import '../route-config.ts'
import { authenticate, type VerificationKeys } from '../security/keys.ts'
import { type Principal, requireRole } from '../security/principal.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The verified bearer of the token. Throws on public routes, which have none. */
    readonly principal: Principal
  }
}

const principals = new WeakMap<FastifyRequest, Principal>()

/** The principal of a request, if it has one: for logs and audit, which also see public and refused requests. */
export const principalOf = (request: FastifyRequest): Principal | undefined => principals.get(request)

/**
 * Verifies the token and the route's roles before anything else looks at the request.
 * A route that declares neither roles nor `public: true` keeps the app from starting: access is never an accident.
 */
export const authentication = fp(async (app: FastifyInstance, options: { keys: VerificationKeys }) => {
  app.decorateRequest('principal', {
    getter(this: FastifyRequest) {
      const principal = principals.get(this)
      if (!principal) throw new Error('this route is public: its requests have no principal')
      return principal
    },
  })
  const routes: RouteOptions[] = []
  app.addHook('onRoute', (route) => {
    routes.push(route)
  })
  // Looked at when all scopes have had their say (see public-routes.ts).
  app.addHook('onReady', async () => {
    const undeclared = routes.filter(({ config }) => (config?.public === true) === (config?.roles?.length ?? 0) > 0)
    if (undeclared.length === 0) return
    const names = undeclared.map(({ method, url }) => `${String(method)} ${url}`).join(', ')
    throw new Error(`these routes must declare either config.roles or config.public: ${names}`)
  })
  app.addHook('onRequest', async (request) => {
    const { config } = request.routeOptions
    if (request.is404 || config.public === true) return
    const principal = await authenticate(request.headers.authorization, options.keys)
    principals.set(request, principal)
    requireRole(principal, config.roles ?? [])
  })
})
