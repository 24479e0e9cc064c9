import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { DateTime } from 'luxon'
import { z } from 'zod'
import { metricParameters } from '../../../db/reader.ts'
import { loadSql } from '../../../db/sql.ts'
import { withTenant } from '../../../db/tenant.ts'
import { heatmapSql } from '../../../metrics/relations.ts'
import { heatmapAnswerSchema, type heatmapCellSchema } from '../../schemas/heatmap.ts'
import { freshUntil } from './freshness.ts'
import type { AnalyticsOptions } from './options.ts'
import { describeRange } from './range.ts'
import { memberFilterParameters, readFilters, readQuerySchema, readRange } from './read-query.ts'

const { from, to } = readQuerySchema.shape
const querySchema = z.strictObject({
  from,
  to,
  ...memberFilterParameters,
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
        response: { 200: heatmapAnswerSchema },
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
            const { rows } = await client.query<z.infer<typeof heatmapCellSchema>>(
              loadSql(heatmapSql).bind(metricParameters({ range, filters }, DateTime.utc())),
            )
            return { range: describeRange(range), fresh_until: await freshUntil(client), cells: rows }
          }),
      })
    },
  )
}
