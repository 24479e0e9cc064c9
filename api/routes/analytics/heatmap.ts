import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { DateTime } from 'luxon'
import { z } from 'zod'
import { metricParameters } from '../../../db/reader.ts'
import { loadSql } from '../../../db/sql.ts'
import { withTenant } from '../../../db/tenant.ts'
import { heatmapSql } from '../../../metrics/relations.ts'
import { rangeSchema } from '../../schemas/series.ts'
import { freshUntil } from './freshness.ts'
import type { AnalyticsOptions } from './options.ts'
import { describeRange } from './range.ts'
import { readFilters, readQuerySchema, readRange } from './read-query.ts'

const { from, to } = readQuerySchema.shape
const querySchema = z.strictObject({
  from,
  to,
  'filter[plan]': readQuerySchema.shape['filter[plan]'],
  'filter[coach]': readQuerySchema.shape['filter[coach]'],
  'filter[cohort]': readQuerySchema.shape['filter[cohort]'],
  'filter[cohort_month]': readQuerySchema.shape['filter[cohort_month]'],
})

const cellSchema = z.object({
  weekday: z.int().min(1).max(7).describe('ISO: 1 is Monday.'),
  hour: z.int().min(0).max(23),
  sessions: z.number(),
  active_minutes: z.number(),
})
const answerSchema = z
  .object({ range: rangeSchema, fresh_until: z.string().nullable(), cells: z.array(cellSchema).length(7 * 24) })
  .meta({
    id: 'Heatmap',
    examples: [
      {
        range: { from: '2026-04-01', to: '2026-05-01', granularity: 'day', timezone: 'Europe/Berlin' },
        fresh_until: '2026-05-01T06:00:00.000Z',
        cells: Array.from({ length: 7 * 24 }, (_, i) => ({
          weekday: Math.floor(i / 24) + 1,
          hour: i % 24,
          sessions: i === 18 ? 12 : 0,
          active_minutes: i === 18 ? 84.5 : 0,
        })),
      },
    ],
  })

/** When members come: sessions started by local weekday and local hour, all 168 cells. */
export const heatmapRoutes: FastifyPluginAsyncZod<AnalyticsOptions> = async (app, { contextOf }) => {
  app.get(
    '/engagement/heatmap',
    {
      config: { roles: ['admin', 'coach'], heavyRead: true, audit: 'heatmap.read' },
      schema: {
        tags: ['dashboards'],
        summary: 'Sessions by weekday and hour',
        querystring: querySchema,
        response: { 200: answerSchema },
      },
    },
    async (request, reply) => {
      const { principal, query } = request
      const { tenant } = await contextOf(principal.tenantId)
      const range = readRange(query, 'day', tenant)
      const filters = readFilters(query, principal)
      return reply.sendCached({
        key: { range: describeRange(range), filters },
        sources: ['kpi'],
        ttlSeconds: 60,
        produce: () =>
          withTenant(app.deps.database.pool, tenant.id, async (client) => {
            const { rows } = await client.query<z.infer<typeof cellSchema>>(
              loadSql(heatmapSql).bind(metricParameters({ range, filters }, DateTime.utc())),
            )
            return { range: describeRange(range), fresh_until: await freshUntil(client), cells: rows }
          }),
      })
    },
  )
}
