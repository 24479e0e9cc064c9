import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { ApiError, type ErrorDefinition, errors } from '../errors.ts'

const entrySchema = z
  .object({ code: z.string(), status: z.int(), title: z.string(), docs: z.string() })
  .meta({ examples: [{ ...errors.RATE_LIMITED }] })

const catalogue: readonly ErrorDefinition[] = Object.values(errors)

/** The error catalogue, so that the `type` of a problem can be followed. */
export const problems: FastifyPluginAsyncZod = async (app) => {
  const config = { public: true, database: false, audit: false } as const

  app.get(
    '/problems',
    {
      config,
      schema: {
        tags: ['operations'],
        summary: 'Every error the API answers with',
        response: { 200: z.array(entrySchema).meta({ examples: [[{ ...errors.RATE_LIMITED }]] }) },
      },
    },
    async () => [...catalogue],
  )

  app.get(
    '/problems/:code',
    {
      config,
      schema: {
        tags: ['operations'],
        summary: 'What an error means',
        params: z.object({ code: z.string().max(64) }),
        response: { 200: entrySchema },
      },
    },
    async (request) => {
      const entry = catalogue.find(({ code }) => code === request.params.code)
      if (!entry) throw new ApiError(errors.NOT_FOUND)
      return entry
    },
  )
}
