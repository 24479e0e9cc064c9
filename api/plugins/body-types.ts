import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { ApiError, errors } from '../errors.ts'
import '../route-config.ts'

/** JSON is parsed by Fastify; NDJSON reaches routes that ask for it as the raw Buffer. Everything else gets 415. */
export const bodyTypes = fp(async (app: FastifyInstance) => {
  app.removeContentTypeParser('text/plain')
  app.addContentTypeParser(
    'application/x-ndjson',
    { parseAs: 'buffer' },
    async (request: { routeOptions: { config: { ndjson?: boolean } } }, body: Buffer) => {
      if (request.routeOptions.config.ndjson !== true) throw new ApiError(errors.UNSUPPORTED_MEDIA_TYPE)
      return body
    },
  )
})

/**
 * For folders whose routes verify a signature over the bytes as sent (webhooks): inside the scope it is registered in,
 * `request.body` is the raw Buffer whatever the content type; SNS, for one, posts JSON as text/plain.
 */
export const rawBody = fp(async (app: FastifyInstance) => {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, async (_request: unknown, body: Buffer) => body)
})
