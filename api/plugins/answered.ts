import { finished } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

/** Status noted for a request whose client went away before the answer was out (nginx's number; never sent). */
export const CLIENT_CLOSED = 499

/**
 * Calls `listener` once for every request, when its answer is out or its client is gone. Fastify's onResponse stays
 * silent in the second case, and a reader who hangs up half-way through an export has still read half of it.
 */
export function onAnswered(
  app: FastifyInstance,
  listener: (request: FastifyRequest, reply: FastifyReply, status: number) => void,
): void {
  app.addHook('onRequest', async (request, reply) => {
    finished(reply.raw, (error) => listener(request, reply, error ? CLIENT_CLOSED : reply.statusCode))
  })
}
