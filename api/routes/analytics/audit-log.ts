import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { type AuditPosition, auditPage } from '../../../db/audit.ts'
import { withTenant } from '../../../db/tenant.ts'
import { ApiError, errors } from '../../errors.ts'
import type { AnalyticsOptions } from './options.ts'

const instant = z.union([z.iso.date(), z.iso.datetime({ offset: true })])
const answerSchema = z
  .object({
    entries: z.array(
      z.object({
        at: z.string(),
        actor: z.string(),
        role: z.string(),
        action: z.string(),
        route: z.string(),
        parameters: z.record(z.string(), z.unknown()),
        status: z.int(),
        request_id: z.string(),
      }),
    ),
    next_cursor: z.string().nullable(),
  })
  .meta({
    id: 'AuditLog',
    examples: [
      {
        entries: [
          {
            at: '2026-03-31T08:15:00.000Z',
            actor: 'ops@example',
            role: 'admin',
            action: 'metric.read',
            route: 'GET /api/analytics/metrics/:name',
            parameters: { name: 'dau', from: '2026-03-01' },
            status: 200,
            request_id: '0195e2f0-6a1c-7000-8000-000000000001',
          },
        ],
        next_cursor: null,
      },
    ],
  })

const positionSchema = z.tuple([z.iso.datetime({ offset: true }), z.string(), z.string(), z.string()])

function readPosition(cursor: string): AuditPosition {
  try {
    return positionSchema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')))
  } catch (cause) {
    throw new ApiError(errors.VALIDATION_FAILED, {
      errors: [{ path: 'cursor', message: 'is not one this route gave' }],
      cause,
    })
  }
}

/** Who read, exported, erased or changed what. */
export const auditLogRoutes: FastifyPluginAsyncZod<AnalyticsOptions> = async (app, { contextOf }) => {
  app.get(
    '/audit',
    {
      config: { roles: ['admin'], audit: 'audit.read' },
      schema: {
        tags: ['compliance'],
        summary: 'The audit log, newest first',
        querystring: z.object({
          from: instant.optional(),
          to: instant.optional().describe('Exclusive.'),
          actor: z.string().max(256).optional(),
          action: z.string().max(100).optional(),
          request_id: z.string().max(100).optional(),
          status: z.coerce.number().int().min(100).max(599).optional(),
          limit: z.coerce.number().int().min(1).max(500).default(100),
          cursor: z.string().max(2_000).optional().describe('`next_cursor` of the page before.'),
        }),
        response: { 200: answerSchema },
      },
    },
    async ({ principal, query }) => {
      const { tenant } = await contextOf(principal.tenantId)
      const { limit, cursor, ...filter } = query
      const before = cursor === undefined ? undefined : readPosition(cursor)
      const rows = await withTenant(app.deps.database.pool, tenant.id, (client) =>
        auditPage(client, filter, limit, before),
      )
      const last = rows.length === limit ? rows.at(-1) : undefined
      return {
        entries: rows.map(({ digest: _, exactly: __, parameters, ...row }) => ({
          ...row,
          parameters: { ...parameters },
        })),
        next_cursor: last
          ? Buffer.from(JSON.stringify([last.exactly, last.request_id, last.action, last.digest])).toString('base64url')
          : null,
      }
    },
  )
}
