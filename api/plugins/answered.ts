import { finished } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

/** Status noted for a request whose client went away before the answer was out (nginx's number; never sent). */
export const CLIENT_CLOSED = 499

type Listener = (request: FastifyRequest, reply: FastifyReply, status: number) => void

/** Who is to be told of an answer; `status` once it is out. */
interface Answer {
  readonly listeners: Listener[]
  status?: number
}

const answers = new WeakMap<FastifyReply['raw'], Answer>()

/**
 * Calls `listener` once for every request, when its answer is out or its client is gone. Fastify's onResponse stays
 * silent in the second case, and a reader who hangs up half-way through an export has still read half of it.
 */
export function onAnswered(app: FastifyInstance, listener: Listener): void {
  app.addHook('onRequest', async (request, reply) => {
    const answer = answers.get(reply.raw) ?? watched(request, reply)
    const { status } = answer
    if (status === undefined) answer.listeners.push(listener)
    // A client may be gone while an earlier hook still works.
    else process.nextTick(listener, request, reply, status)
  })
}

/** One watch for all listeners: each adds several of Node's own to the answer, and a streamed one has many already. */
function watched(request: FastifyRequest, reply: FastifyReply): Answer {
  const answer: Answer = { listeners: [] }
  answers.set(reply.raw, answer)
  finished(reply.raw, (error) => {
    answer.status = error ? CLIENT_CLOSED : reply.statusCode
    for (const listener of answer.listeners) listener(request, reply, answer.status)
  })
  return answer
}
