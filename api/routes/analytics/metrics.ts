import { stringify } from 'csv-stringify/sync'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { previousRange } from '../../../db/period.ts'
import { readMetric, type Series } from '../../../db/reader.ts'
import { withTenant } from '../../../db/tenant.ts'
import { findMetric, metrics } from '../../../metrics/catalog.ts'
import { ApiError, errors } from '../../errors.ts'
import { catalogueAnswerSchema } from '../../schemas/catalogue.ts'
import { seriesAnswerSchema } from '../../schemas/series.ts'
import { describeMetric, mayRead, policyOf } from './describe.ts'
import { freshUntil } from './freshness.ts'
import type { AnalyticsOptions } from './options.ts'
import { describeRange } from './range.ts'
import { readMetricQuery, readQuerySchema } from './read-query.ts'

const readers = ['admin', 'coach', 'finance'] as const

/** The catalogue and every metric of it: one route, derived from the registry. */
export const metricRoutes: FastifyPluginAsyncZod<AnalyticsOptions> = async (app, { contextOf }) => {
  app.get(
    '/metrics',
    {
      config: { roles: readers, audit: 'catalogue.read' },
      schema: { tags: ['metrics'], summary: 'Metrics the token may read', response: { 200: catalogueAnswerSchema } },
    },
    async (request) => {
      const { tenant } = await contextOf(request.principal.tenantId)
      return {
        metrics: metrics
          .filter((metric) => mayRead(request.principal.role, metric))
          .map((metric) => describeMetric(metric, tenant)),
        fresh_until: await withTenant(app.deps.database.pool, tenant.id, freshUntil),
      }
    },
  )

  app.get(
    '/metrics/:name',
    {
      config: {
        roles: readers,
        heavyRead: true,
        audit: 'metric.read',
        errors: [errors.UNKNOWN_METRIC, errors.UNKNOWN_DIMENSION],
      },
      schema: {
        tags: ['metrics'],
        summary: 'One metric as time series',
        description: `Accept: text/csv gives the same as CSV. Names: ${metrics.map((metric) => metric.name).join(', ')}.`,
        params: z.object({ name: z.string().max(64) }),
        querystring: readQuerySchema,
        response: { 200: seriesAnswerSchema },
      },
    },
    async (request, reply) => {
      const { principal, query } = request
      const metric = findMetric(request.params.name)
      if (!metric) throw new ApiError(errors.UNKNOWN_METRIC)
      if (!mayRead(principal.role, metric)) throw new ApiError(errors.ROLE_NOT_ALLOWED)
      const { tenant } = await contextOf(principal.tenantId)
      const read = readMetricQuery(query, metric, tenant, principal)
      const wantsCsv = request.headers.accept?.includes('text/csv') ?? false
      const range = describeRange(read.range)
      return reply.sendCached({
        key: { metric: metric.name, range, groupBy: read.groupBy, filters: read.filters, compare: query.compare },
        sources: ['kpi'],
        ttlSeconds: 60,
        ...(wantsCsv ? { contentType: 'text/csv; charset=utf-8; header=present' } : {}),
        produce: () =>
          withTenant(app.deps.database.pool, tenant.id, async (client) => {
            const series = await readMetric(client, metric, read)
            if (wantsCsv) return toCsv(series, read.groupBy)
            const previous =
              query.compare && (await readMetric(client, metric, { ...read, range: previousRange(read.range) }))
            return {
              metric: describeMetric(metric, tenant),
              range,
              fresh_until: await freshUntil(client),
              ...policyOf(metric, tenant),
              series,
              ...(previous ? { previous } : {}),
            }
          }),
      })
    },
  )
}

/** RFC 4180, one row per point; text that a spreadsheet would run as a formula is disarmed. */
function toCsv(series: readonly Series[], groupBy: string | undefined): string {
  const rows = series.flatMap(({ key, points }) =>
    points.map((point) => ({ ...key, ...point, partial: point.partial ?? false })),
  )
  const columns = [...(groupBy ? [groupBy] : []), 't', 'value', 'numerator', 'denominator', 'partial']
  return stringify(rows, {
    header: true,
    columns,
    record_delimiter: 'windows',
    escape_formulas: true,
    quoted_match: /[\r\n]/,
    cast: { boolean: String, number: String },
  })
}
