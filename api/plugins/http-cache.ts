import { hash } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { type Cache, type CachedBody, cacheTag } from '../cache.ts'
import { scopeOf } from '../security/principal.ts'
import './authentication.ts'

export type CachedAnswer = {
  /** Everything besides tenant, role scope and route that changes the answer: metric, range, filters, format. */
  readonly key: Readonly<Record<string, unknown>>
  /** What the answer is read from; each becomes the tag `tenant:<tenant>:<source>` (see cacheTag). */
  readonly sources: readonly string[]
  /** Lifetime in seconds for answers that age without an invalidation (the running hour). */
  readonly ttlSeconds?: number
  /** Default: JSON by the route's 200 schema. Give it when `produce` returns text or bytes. */
  readonly contentType?: string
  produce(): Promise<unknown>
}

declare module 'fastify' {
  interface FastifyReply {
    /**
     * Answers 200 or 304 from the cache, or computes, stores and answers. The key always holds the tenant and the role
     * scope. Several requests for the same missing answer compute it once.
     */
    sendCached(answer: CachedAnswer): Promise<FastifyReply>
  }
}

const digest = (data: string | Buffer) => hash('sha256', data, 'base64url')

/**
 * The key of an answer. The tenant leads it in clear so that an operator can find a tenant's entries. A route's code puts
 * the fields together, always in the same order; sorting them cost more than the digest.
 */
function keyOf(request: FastifyRequest, key: CachedAnswer['key']): string {
  const { tenantId } = request.principal
  return `${tenantId}:${digest(JSON.stringify([tenantId, scopeOf(request.principal), request.routeOptions.url, key]))}`
}

/** RFC 9110 §13.1.2: a list of validators, compared weakly. */
function isFresh(request: FastifyRequest, etag: string): boolean {
  const given = request.headers['if-none-match']
  if (given === undefined) return false
  return given.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag)
}

function finished(reply: FastifyReply, value: unknown, contentType: string | undefined): CachedBody {
  const isFinal = typeof value === 'string' || Buffer.isBuffer(value)
  const text = isFinal ? value : String(reply.code(200).serialize(value))
  const body = Buffer.isBuffer(text) ? text : Buffer.from(text)
  return { body, etag: `"${digest(body)}"`, contentType: contentType ?? 'application/json; charset=utf-8' }
}

/** A cache that fails is a slow cache: the answer is computed, the failure logged. */
async function orMiss<T>(request: FastifyRequest, work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (err) {
    request.log.warn({ err }, 'the response cache failed')
    return undefined
  }
}

export const httpCache = fp(async (app: FastifyInstance, options: { cache: Cache }) => {
  const { cache } = options
  const running = new Map<string, Promise<CachedBody>>()

  async function compute(reply: FastifyReply, key: string, tags: readonly string[], answer: CachedAnswer) {
    const { request } = reply
    // Taken before the rows are read: see CacheSetOptions.seen.
    const seen = await orMiss(request, cache.versions(tags))
    // An invalidation starts a new computation instead of joining one that may have read old rows.
    const flight = `${key}@${seen ?? request.id}`
    const joined = running.get(flight)
    if (joined) return joined
    const work = answer.produce().then((value) => finished(reply, value, answer.contentType))
    running.set(flight, work)
    try {
      const body = await work
      if (seen !== undefined) await orMiss(request, cache.set(key, body, tags, { seen, ttlSeconds: answer.ttlSeconds }))
      return body
    } finally {
      running.delete(flight)
    }
  }

  app.decorateReply('sendCached', async function (this: FastifyReply, answer: CachedAnswer) {
    const { request } = this
    const key = keyOf(request, { ...answer.key, contentType: answer.contentType ?? null })
    const tags = answer.sources.map((source) => cacheTag(request.principal.tenantId, source))
    const body = (await orMiss(request, cache.get(key, tags))) ?? (await compute(this, key, tags, answer))
    // no-cache: kept by the client, but asked about each time; only we know when a bucket was refreshed.
    this.headers({
      etag: body.etag,
      'cache-control': 'private, no-cache',
      vary: [this.getHeader('vary'), 'Authorization, Accept'].filter(Boolean).join(', '),
    })
    if (isFresh(request, body.etag)) return this.code(304).send()
    return this.code(200).type(body.contentType).send(body.body)
  })
})
