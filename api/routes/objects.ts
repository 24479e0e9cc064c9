import { extname } from 'node:path'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { LocalObjectStore } from '../../objects/local-store.ts'
import { InvalidKey, ObjectNotFound } from '../../objects/store.ts'
import { ApiError, errors } from '../errors.ts'

const contentTypes: Readonly<Record<string, string>> = {
  '.csv': 'text/csv; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.parquet': 'application/vnd.apache.parquet',
  '.pdf': 'application/pdf',
}

/**
 * Objects of the local store, by signed link: the signature is the permission, so there is no token. With S3 links lead
 * to the store itself and nothing is here.
 */
export const objects: FastifyPluginAsyncZod = async (app) => {
  const store = app.deps.objects
  if (!(store instanceof LocalObjectStore)) return

  app.get(
    '/objects/*',
    {
      config: {
        public: true,
        database: false,
        audit: false,
        errors: [errors.LINK_INVALID, errors.LINK_EXPIRED, errors.NOT_FOUND],
      },
      schema: {
        tags: ['exports'],
        summary: 'A file by its signed link',
        description: 'Use `download_url` of an export as it is; it holds for 15 minutes.',
        params: z.object({ '*': z.string().max(600) }),
        querystring: z.strictObject({
          expires: z.string().regex(/^\d{1,12}$/),
          filename: z.string().max(160),
          signature: z.string().max(64),
        }),
        response: {
          200: z
            .string()
            .describe('The file.')
            .meta({ examples: ['day,value\r\n2026-04-01,41\r\n'] }),
        },
      },
    },
    async (request, reply) => {
      const key = request.params['*']
      const { query } = request
      const verdict = store.verify(key, query)
      if (verdict === 'invalid') throw new ApiError(errors.LINK_INVALID)
      if (verdict === 'expired') throw new ApiError(errors.LINK_EXPIRED)
      try {
        const found = await store.head(key)
        if (!found) throw new ApiError(errors.NOT_FOUND)
        reply
          .header('content-type', contentTypes[extname(key)] ?? 'application/octet-stream')
          .header('content-length', found.bytes)
          .header('content-disposition', `attachment; filename="${query.filename}"`)
          .header('x-content-type-options', 'nosniff')
          .header('cache-control', 'private, no-store')
        // The schema describes what a client sees: a stream is sent as it is, past any serialiser.
        return (await store.get(key)) as unknown as string
      } catch (error) {
        if (error instanceof ObjectNotFound || error instanceof InvalidKey) throw new ApiError(errors.NOT_FOUND)
        throw error
      }
    },
  )
}
