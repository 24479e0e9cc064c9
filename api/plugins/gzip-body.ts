import { Transform } from 'node:stream'
import { createGunzip } from 'node:zlib'
import type { FastifyInstance, RequestPayload } from 'fastify'
import fp from 'fastify-plugin'
import { ApiError, errors } from '../errors.ts'

type CountedPayload = Transform & { receivedEncodedLength: number }

/**
 * The decompressed body, cut off with 413 at the first byte past the limit: a zip bomb costs at most `limit` bytes of
 * memory and stops being decompressed there.
 */
function gunzipped(payload: RequestPayload, limit: number): CountedPayload {
  const gunzip = createGunzip()
  let decoded = 0
  const counted = Object.assign(
    new Transform({
      transform(chunk: Buffer, _encoding, done) {
        decoded += chunk.length
        if (decoded > limit)
          done(new ApiError(errors.PAYLOAD_TOO_LARGE, { detail: `At most ${limit} bytes decompressed.` }))
        else done(null, chunk)
      },
    }),
    // Fastify compares this with Content-Length.
    { receivedEncodedLength: 0 },
  )
  payload.on('data', (chunk: Buffer) => {
    counted.receivedEncodedLength += chunk.length
  })
  // A body that nobody reads (a 415, a route without a body) may turn out not to be gzip all the same: without a listener
  // that error would end the process.
  counted.on('error', () => undefined)
  // Not stream.pipeline: it would destroy the request, and with it the socket the answer has to go out on.
  payload.on('error', (error) => counted.destroy(error))
  payload.on('close', () => {
    if (!(payload as { readableEnded?: boolean }).readableEnded) counted.destroy(new ApiError(errors.MALFORMED_BODY))
  })
  gunzip.on('error', (cause) =>
    counted.destroy(new ApiError(errors.MALFORMED_BODY, { detail: 'The body is not gzip.', cause })),
  )
  counted.on('close', () => {
    payload.unpipe(gunzip)
    gunzip.destroy()
    // What the client still sends is read and thrown away, so that it gets to see the answer.
    payload.resume()
  })
  payload.pipe(gunzip).pipe(counted)
  return counted
}

/** Accepts `content-encoding: gzip`; the route's `bodyLimit` counts decompressed bytes. Other encodings get 415. */
export const gzipBody = fp(async (app: FastifyInstance) => {
  app.addHook('preParsing', async (request, reply, payload) => {
    const encoding = request.headers['content-encoding']?.trim().toLowerCase()
    if (request.is404 || encoding === undefined || encoding === '' || encoding === 'identity') return payload
    if (encoding === 'gzip' || encoding === 'x-gzip')
      return gunzipped(payload, request.routeOptions.bodyLimit ?? app.initialConfig.bodyLimit ?? 1_048_576)
    // The client may go on sending a body nobody reads.
    reply.header('connection', 'close')
    throw new ApiError(errors.UNSUPPORTED_ENCODING, { headers: { 'accept-encoding': 'gzip' } })
  })
})
