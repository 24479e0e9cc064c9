import type { Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { Admission, type AdmissionOptions } from '../admission.ts'
import { ApiError, errors } from '../errors.ts'
import { INGEST_BODY_LIMIT } from '../route-config.ts'

/** What JSON of events is compressed by, roughly. */
const GZIP_FACTOR = 8
/** A body of unknown length is taken for a usual batch. */
const UNKNOWN_LENGTH = 256 * 1024
const RETRY_AFTER_SECONDS = 1

/**
 * Routes with `config.admission` refuse, before the body is read, what could not be answered soon: 429 when the tenant
 * itself has too much in flight, 503 when everybody together has. Sending again later loses nothing.
 */
export const admission = fp(async (app: FastifyInstance, options: AdmissionOptions) => {
  const gate = new Admission(options)
  const inside = new WeakMap<FastifyRequest, () => void>()
  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.config.admission !== true) return
    const { tenantId } = request.principal
    const bytes = bodyBytes(request)
    const verdict = gate.enter(tenantId, bytes)
    if (verdict !== 'admitted') {
      await holdIfTooSoon(request.raw.socket, tenantId)
      throw new ApiError(verdict === 'overloaded' ? errors.OVERLOADED : errors.TOO_MUCH_IN_FLIGHT, {
        headers: { 'retry-after': String(RETRY_AFTER_SECONDS) },
      })
    }
    let isOut = false
    const leave = (): void => {
      if (isOut) return
      isOut = true
      gate.leave(tenantId, bytes)
    }
    inside.set(request, leave)
    // A client that hangs up while sending never gets an answer. One that hangs up later still costs its work.
    reply.raw.once('close', () => {
      if (!request.raw.complete || reply.raw.writableFinished) leave()
    })
  })
  app.addHook('onSend', async (request) => inside.get(request)?.())
})

const refusals = new WeakMap<Socket, { readonly tenantId: string; readonly retryAt: number }>()

/**
 * Who is refused and comes back sooner than told is refused again when that time is over: a flood that does not listen costs
 * one refusal a second and connection, not all the processor time that others need.
 */
async function holdIfTooSoon(socket: Socket, tenantId: string): Promise<void> {
  const last = refusals.get(socket)
  const left = last?.tenantId === tenantId ? last.retryAt - performance.now() : 0
  if (left > 0) await wait(left, undefined, { ref: false })
  refusals.set(socket, { tenantId, retryAt: performance.now() + RETRY_AFTER_SECONDS * 1000 })
}

function bodyBytes(request: FastifyRequest): number {
  const length = Number(request.headers['content-length'] ?? UNKNOWN_LENGTH)
  if (!Number.isFinite(length)) return UNKNOWN_LENGTH
  const plain = request.headers['content-encoding'] === undefined ? length : length * GZIP_FACTOR
  return Math.min(plain, INGEST_BODY_LIMIT)
}
