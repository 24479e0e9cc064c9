import helmet, { type FastifyHelmetOptions } from '@fastify/helmet'
import Fastify, { type FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

const options: FastifyHelmetOptions = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      'default-src': ["'none'"],
      'script-src': ["'self'"],
      'style-src': ["'self'"],
      'img-src': ["'self'", 'data:'],
      'font-src': ["'self'"],
      'connect-src': ["'self'"],
      'manifest-src': ["'self'"],
      'base-uri': ["'none'"],
      'form-action': ["'self'"],
      'frame-ancestors': ["'none'"],
    },
  },
  referrerPolicy: { policy: 'no-referrer' },
  strictTransportSecurity: false,
}

/** What helmet adds to an answer: worked out once, because it would write the same policy anew for every request. */
async function fixedHeaders(): Promise<Record<string, string>> {
  const app = Fastify()
  let own: string[] = []
  await app.register(helmet, options)
  app.get('/', async (_request, reply) => {
    own = Object.keys(reply.raw.getHeaders())
    return ''
  })
  const { headers } = await app.inject('/')
  await app.close()
  return Object.fromEntries(own.map((name) => [name, String(headers[name])]))
}

/**
 * Headers for browsers. Scripts and styles come from this origin only; nothing inline, nobody may frame us.
 * HSTS is left to the TLS terminator: this server speaks plain HTTP and cannot know.
 */
export const securityHeaders = fp(async (app: FastifyInstance) => {
  const headers = await fixedHeaders()
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers(headers)
    done()
  })
})
