import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { DateTime } from 'luxon'
import { z } from 'zod'
import { metricParameters } from '../../../db/reader.ts'
import { loadSql } from '../../../db/sql.ts'
import { slaHours, withTenant } from '../../../db/tenant.ts'
import { responseTimesSql } from '../../../metrics/relations.ts'
import { responseTimesAnswerSchema } from '../../schemas/response-times.ts'
import { freshUntil } from './freshness.ts'
import type { AnalyticsOptions } from './options.ts'
import { describeRange } from './range.ts'
import { memberFilterParameters, readFilters, readQuerySchema, readRange } from './read-query.ts'

const { from, to } = readQuerySchema.shape
const filters = {
  ...memberFilterParameters,
}

type Row = {
  replies: number
  percentiles: number[] | null
  observed: number[] | null
  within_sla_share: number | null
  waiting: number
  waiting_over_sla: number
}

const named = (values: number[] | null) => {
  const [p50 = null, p75 = null, p90 = null, p95 = null, p99 = null] = values ?? []
  return { p50, p75, p90, p95, p99 }
}

/** The chat response SLA over a range: exact percentiles over all replies, and who waits now. */
export const responseTimeRoutes: FastifyPluginAsyncZod<AnalyticsOptions> = async (app, { contextOf }) => {
  app.get(
    '/engagement/response-times',
    {
      config: { roles: ['admin', 'coach'], heavyRead: true, audit: 'response_times.read' },
      schema: {
        tags: ['dashboards'],
        summary: 'Chat response SLA, exact',
        querystring: z.strictObject({ from, to, ...filters }),
        response: { 200: responseTimesAnswerSchema },
      },
    },
    async (request, reply) => {
      const { principal, query } = request
      const { tenant } = await contextOf(principal.tenantId)
      const range = readRange(query, 'day', tenant)
      const filtered = readFilters(query, principal)
      return reply.sendCached({
        key: { range: describeRange(range), filters: filtered },
        sources: ['kpi'],
        // who waits changes with the clock
        ttlSeconds: 30,
        produce: () =>
          withTenant(app.deps.database.pool, tenant.id, async (client) => {
            const { rows } = await client.query<Row>(
              loadSql(responseTimesSql).bind({
                ...metricParameters({ range, filters: filtered }, DateTime.utc()),
                sla_hours: slaHours(tenant),
              }),
            )
            const row = rows[0]
            if (!row) throw new Error('an aggregate query without rows')
            return {
              range: describeRange(range),
              fresh_until: await freshUntil(client),
              replies: row.replies,
              seconds: named(row.percentiles),
              observed_seconds: named(row.observed),
              sla_hours: slaHours(tenant),
              within_sla_share: row.within_sla_share,
              waiting: row.waiting,
              waiting_over_sla: row.waiting_over_sla,
            }
          }),
      })
    },
  )
}
