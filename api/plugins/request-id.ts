import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

/** An inbound id goes into logs and the audit log: short, and nothing in it can be markup, a line break or an address. */
const SAFE_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/** The caller's request id when it is safe to repeat, else a new one. */
export function requestIdOf(request: Pick<IncomingMessage, 'headers'>): string {
  const given = request.headers['x-request-id']
  return typeof given === 'string' && SAFE_ID.test(given) ? given : randomUUID()
}

/** Every answer names the id under which logs and audit know it. */
export const requestId = fp(async (app: FastifyInstance) => {
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id)
  })
})
