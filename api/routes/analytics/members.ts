import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { type Erasure, findErasure, requestErasure } from '../../../db/erasure/request.ts'
import { userIdPattern } from '../../../sources/envelope.ts'
import { ApiError, errors } from '../../errors.ts'
import type { AnalyticsOptions } from './options.ts'

const receiptSchema = z
  .object({
    content: z.object({
      erasure_id: z.string(),
      tenant_id: z.string(),
      member_hash: z.string().describe('Keyed hash of the id; the id itself is nowhere any more.'),
      requested_by: z.string(),
      requested_at: z.string(),
      completed_at: z.string(),
      counts: z.record(z.string(), z.number()).describe('Rows erased or rewritten, by table; files by kind.'),
    }),
    algorithm: z.literal('Ed25519'),
    public_key: z.string().describe('SPKI, base64.'),
    signature: z.string().describe('Base64, over the JSON text of `content` with its keys in order.'),
  })
  .meta({ id: 'ErasureReceipt' })

const answerSchema = z
  .object({
    id: z.string(),
    status: z.enum(['running', 'completed']),
    status_url: z.string(),
    requested_at: z.string(),
    completed_at: z.string().nullable(),
    receipt: receiptSchema.nullable(),
  })
  .meta({
    id: 'Erasure',
    examples: [
      {
        id: '0d6f5a0e-3f0c-4a52-8f5e-3a4d1a7a6f10',
        status: 'running',
        status_url: '/api/analytics/erasures/0d6f5a0e-3f0c-4a52-8f5e-3a4d1a7a6f10',
        requested_at: '2026-03-31T08:15:00.000Z',
        completed_at: null,
        receipt: null,
      },
    ],
  })

const shown = ({ id, status, requested_at, completed_at, receipt }: Erasure) => {
  const status_url = `/api/analytics/erasures/${id}`
  if (receipt === null) return { id, status, status_url, requested_at, completed_at, receipt }
  const { content, ...rest } = receipt
  return {
    id,
    status,
    status_url,
    requested_at,
    completed_at,
    receipt: { ...rest, content: { ...content, counts: { ...content.counts } } },
  }
}

/** The right to be forgotten. */
export const memberRoutes: FastifyPluginAsyncZod<AnalyticsOptions> = async (app, { contextOf, erasing }) => {
  app.delete(
    '/members/:user_id',
    {
      config: { roles: ['admin'], audit: 'member.erase', personal: ['user_id'] },
      schema: {
        tags: ['compliance'],
        summary: 'Erase a member',
        description:
          'From this answer on, events of the member are refused (`member_erased`). Workers then remove every row, file and mention; the signed receipt is at `status_url`. Asking again gives the same erasure.',
        params: z.object({ user_id: z.string().regex(userIdPattern) }),
        response: { 200: answerSchema.describe('Erased before: with its receipt.'), 202: answerSchema },
      },
    },
    async (request, reply) => {
      const { principal } = request
      const context = await contextOf(principal.tenantId)
      const by = { actor: principal.sub, requestId: request.id }
      const erasure = await requestErasure(app.deps.database.pool, context, request.params.user_id, by)
      if (erasure.status === 'completed') return reply.code(200).send(shown(erasure))
      erasing()
      return reply.code(202).send(shown(erasure))
    },
  )

  app.get(
    '/erasures/:id',
    {
      config: { roles: ['admin'], audit: 'erasure.read' },
      schema: {
        tags: ['compliance'],
        summary: 'An erasure and its receipt',
        params: z.object({ id: z.uuid() }),
        response: { 200: answerSchema },
      },
    },
    async (request) => {
      const erasure = await findErasure(app.deps.database.pool, request.principal.tenantId, request.params.id)
      if (!erasure) throw new ApiError(errors.NOT_FOUND)
      return shown(erasure)
    },
  )
}
