import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import type pg from 'pg'
import { previousRange } from '../../../db/period.ts'
import { readMetric } from '../../../db/reader.ts'
import { withTenant } from '../../../db/tenant.ts'
import { aiNudgeBaseline } from '../../../metrics/ai-nudge-baseline.ts'
import { aiNudgeDirectShare } from '../../../metrics/ai-nudge-direct-share.ts'
import { aiNudgeEffectiveness } from '../../../metrics/ai-nudge-effectiveness.ts'
import { aiNudgeInfluencedShare } from '../../../metrics/ai-nudge-influenced-share.ts'
import type { Dimension, Metric } from '../../../metrics/metric.ts'
import { errors } from '../../errors.ts'
import { aiNudgesAnswerSchema } from '../../schemas/ai-nudges.ts'
import { describeMetric } from './describe.ts'
import { freshUntil } from './freshness.ts'
import type { AnalyticsOptions } from './options.ts'
import { describeRange } from './range.ts'
import { type MetricRead, readMetricQuery, readQuerySchema } from './read-query.ts'

interface Sum {
  numerator: number
  denominator: number
}

/** Pools a metric over the whole range, per group. */
async function pooled(
  client: pg.ClientBase,
  metric: Metric,
  read: MetricRead,
  groupBy?: Dimension,
): Promise<Map<string, Sum>> {
  const sums = new Map<string, Sum>()
  for (const { key, points } of await readMetric(client, metric, { ...read, groupBy })) {
    const sum = { numerator: 0, denominator: 0 }
    for (const point of points) {
      sum.numerator += point.numerator ?? 0
      sum.denominator += point.denominator ?? 0
    }
    sums.set(groupBy === undefined ? '' : (key[groupBy] ?? ''), sum)
  }
  return sums
}

const share = (sum: Sum | undefined): number | null =>
  sum && sum.denominator > 0 ? sum.numerator / sum.denominator : null

/** A whole range, in total with its baseline and by persona. */
async function breakdown(client: pg.ClientBase, read: MetricRead) {
  const { persona: _, ...memberFilters } = read.filters
  const effective = await pooled(client, aiNudgeEffectiveness, read, 'persona')
  const direct = await pooled(client, aiNudgeDirectShare, read, 'persona')
  const influenced = await pooled(client, aiNudgeInfluencedShare, read, 'persona')
  const baseline = share((await pooled(client, aiNudgeBaseline, { ...read, filters: memberFilters })).get(''))
  const total = (sums: Map<string, Sum>): Sum =>
    [...sums.values()].reduce(
      (a, b) => ({ numerator: a.numerator + b.numerator, denominator: a.denominator + b.denominator }),
      { numerator: 0, denominator: 0 },
    )
  const effectiveness = share(total(effective))
  return {
    total: {
      delivered: total(effective).denominator,
      effectiveness,
      direct: share(total(direct)),
      influenced: share(total(influenced)),
      baseline,
      lift: effectiveness === null || !baseline ? null : effectiveness / baseline - 1,
    },
    personas: [...effective].map(([persona, sum]) => ({
      persona,
      delivered: sum.denominator,
      effectiveness: share(sum),
      direct: share(direct.get(persona)),
      influenced: share(influenced.get(persona)),
    })),
  }
}

/** Nudge effectiveness: in total with its baseline, by persona, and over time. */
export const aiNudgeRoutes: FastifyPluginAsyncZod<AnalyticsOptions> = async (app, { contextOf }) => {
  app.get(
    '/ai/nudges',
    {
      config: { roles: ['admin', 'coach'], heavyRead: true, audit: 'nudges.read', errors: [errors.UNKNOWN_DIMENSION] },
      schema: {
        tags: ['dashboards'],
        summary: 'AI nudge effectiveness by persona',
        querystring: readQuerySchema.omit({ group_by: true }),
        response: { 200: aiNudgesAnswerSchema },
      },
    },
    async (request, reply) => {
      const { principal, query } = request
      const { tenant } = await contextOf(principal.tenantId)
      const read = readMetricQuery({ granularity: 'day', ...query }, aiNudgeEffectiveness, tenant, principal)
      return reply.sendCached({
        key: { range: describeRange(read.range), filters: read.filters, compare: query.compare },
        sources: ['kpi'],
        ttlSeconds: 60,
        produce: () =>
          withTenant(app.deps.database.pool, tenant.id, async (client) => {
            const before = { ...read, range: previousRange(read.range) }
            return {
              range: describeRange(read.range),
              fresh_until: await freshUntil(client),
              definition: describeMetric(aiNudgeEffectiveness, tenant).definition,
              ...(await breakdown(client, read)),
              ...(query.compare && {
                previous: { range: describeRange(before.range), ...(await breakdown(client, before)) },
              }),
              series: await readMetric(client, aiNudgeEffectiveness, { ...read, groupBy: 'persona' }),
            }
          }),
      })
    },
  )
}
