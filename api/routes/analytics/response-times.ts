import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { DateTime } from 'luxon'
import { z } from 'zod'
import { metricParameters } from '../../../db/reader.ts'
import { loadSql } from '../../../db/sql.ts'
import { slaHours, withTenant } from '../../../db/tenant.ts'
import { responseTimesSql } from '../../../metrics/relations.ts'
import { rangeSchema } from '../../schemas/series.ts'
import { freshUntil } from './freshness.ts'
import type { AnalyticsOptions } from './options.ts'
import { describeRange } from './range.ts'
import { readFilters, readQuerySchema, readRange } from './read-query.ts'

const { from, to } = readQuerySchema.shape
const filters = {
  'filter[plan]': readQuerySchema.shape['filter[plan]'],
  'filter[coach]': readQuerySchema.shape['filter[coach]'],
  'filter[cohort]': readQuerySchema.shape['filter[cohort]'],
  'filter[cohort_month]': readQuerySchema.shape['filter[cohort_month]'],
}

const seconds = z.number().nullable()
const percentilesSchema = z.object({ p50: seconds, p75: seconds, p90: seconds, p95: seconds, p99: seconds })
const answerSchema = z
  .object({
    range: rangeSchema,
    fresh_until: z.string().nullable(),
    replies: z.number(),
    seconds: percentilesSchema.describe('Exact, linear between values (percentile_cont).'),
    observed_seconds: percentilesSchema.describe('Exact, a value that occurred (percentile_disc, nearest rank).'),
    sla_hours: z.number(),
    within_sla_share: z.number().nullable(),
    waiting: z.number().describe('Runs of member messages that nobody has answered yet.'),
    waiting_over_sla: z.number(),
  })
  .meta({
    id: 'ResponseTimes',
    examples: [
      {
        range: { from: '2026-04-01', to: '2026-05-01', granularity: 'day', timezone: 'Europe/Berlin' },
        fresh_until: '2026-05-01T06:00:00.000Z',
        replies: 412,
        seconds: { p50: 1800, p75: 5400, p90: 14400, p95: 28800, p99: 86400 },
        observed_seconds: { p50: 1800, p75: 5400, p90: 14400, p95: 28800, p99: 86400 },
        sla_hours: 24,
        within_sla_share: 0.97,
        waiting: 9,
        waiting_over_sla: 2,
      },
    ],
  })

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
        response: { 200: answerSchema },
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
