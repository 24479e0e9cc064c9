import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { ApiError, errors } from '../errors.ts'

/** No name, date or id holds NUL, and PostgreSQL's texts cannot: refused here, for every parameter of every route. */
export const readableUrl = fp(async (app: FastifyInstance) => {
  app.addHook('onRequest', async (request) => {
    if (/%00|\0/.test(request.url)) throw new ApiError(errors.MALFORMED_URL)
  })
})
