import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { DateTime } from 'luxon'
import { z } from 'zod'
import { readCards } from '../../../db/cards.ts'
import { previousRange } from '../../../db/period.ts'
import { readMetric } from '../../../db/reader.ts'
import { withTenant } from '../../../db/tenant.ts'
import { findMetric } from '../../../metrics/catalog.ts'
import type { Metric } from '../../../metrics/metric.ts'
import { overviewCutBy, overviewMetrics } from '../../../metrics/overview.ts'
import { errors } from '../../errors.ts'
import { cardsAnswerSchema } from '../../schemas/card.ts'
import { seriesListSchema } from '../../schemas/series.ts'
import type { Role } from '../../security/principal.ts'
import { describeMetric, mayRead, policyOf } from './describe.ts'
import { freshUntil } from './freshness.ts'
import type { AnalyticsOptions } from './options.ts'
import { describeRange } from './range.ts'
import { memberFilterParameters, readFilters, readMetricQuery, readQuerySchema } from './read-query.ts'

/** A route that shows several metrics together, by name. A name that the catalogue lacks keeps the app from starting. */
interface Composition {
  readonly path: string
  readonly summary: string
  readonly roles: readonly Role[]
  readonly metrics: readonly string[]
}

/** KPI cards: the latest period that is over, against the one before and the target. */
const cardRoutes: readonly Composition[] = [
  {
    path: '/overview',
    summary: 'KPI cards of every pillar',
    roles: ['admin'],
    metrics: overviewMetrics,
  },
  {
    path: '/goals/overview',
    summary: 'KPI cards for goals',
    roles: ['admin', 'coach'],
    metrics: ['goal_completion_rate', 'active_goals', 'completed_goals'],
  },
]

/** Several metrics as time series, over one range and grouping. */
const seriesRoutes: readonly Composition[] = [
  {
    path: '/habits/adherence',
    summary: 'Habit adherence as time series',
    roles: ['admin', 'coach'],
    metrics: ['habit_adherence_score', 'habit_completion_rate'],
  },
  {
    path: '/habits',
    summary: 'Habits as time series',
    roles: ['admin', 'coach'],
    metrics: ['habit_adherence_score', 'habit_completion_rate', 'average_streak_days'],
  },
  {
    path: '/ai',
    summary: 'AI sessions and nudges as time series',
    roles: ['admin', 'coach'],
    metrics: [
      'ai_nudge_effectiveness',
      'ai_nudge_direct_share',
      'ai_nudge_influenced_share',
      'ai_nudge_baseline',
      'ai_nudge_lift',
      'ai_session_satisfaction',
      'ai_session_top_two_share',
      'ai_session_response_rate',
    ],
  },
  {
    path: '/coaching',
    summary: 'Chat response times as time series',
    roles: ['admin', 'coach'],
    metrics: [
      'message_response_time',
      'message_response_time_p90',
      'message_response_time_p95',
      'within_sla_share',
      'unanswered_over_sla',
    ],
  },
  {
    path: '/goals',
    summary: 'Goals as time series',
    roles: ['admin', 'coach'],
    metrics: ['goal_completion_rate', 'active_goals', 'completed_goals'],
  },
  {
    path: '/engagement',
    summary: 'Engagement as time series',
    roles: ['admin', 'coach'],
    metrics: ['active_members', 'wau', 'mau', 'stickiness', 'active_minutes', 'sessions_per_user'],
  },
]

const cardsQuerySchema = z.strictObject({
  granularity: z
    .enum(['day', 'week', 'month'])
    .default('week')
    .describe('The period a card covers: the latest that is over.'),
  ...memberFilterParameters,
})

function named(name: string): Metric {
  const metric = findMetric(name)
  if (!metric) throw new Error(`a composition names the unknown metric ${name}`)
  return metric
}

/** The named endpoints of the requirements: thin compositions over the one reader. */
export const compositionRoutes: FastifyPluginAsyncZod<AnalyticsOptions> = async (app, { contextOf }) => {
  for (const { path, summary, roles, metrics: names } of cardRoutes) {
    const metrics = names.map(named)
    app.get(
      path,
      {
        config: { roles, heavyRead: true, audit: 'cards.read' },
        schema: { tags: ['dashboards'], summary, querystring: cardsQuerySchema, response: { 200: cardsAnswerSchema } },
      },
      async (request, reply) => {
        const { principal, query } = request
        const { tenant } = await contextOf(principal.tenantId)
        const { granularity } = query
        const filters = readFilters(query, principal)
        return reply.sendCached({
          key: { granularity, filters },
          sources: ['kpi'],
          ttlSeconds: 60,
          produce: () =>
            withTenant(app.deps.database.pool, tenant.id, async (client) => {
              const cut = overviewCutBy(metrics, Object.keys(filters))
              const cards = await readCards(client, cut, tenant, { granularity, filters, now: DateTime.utc() })
              return { cards, granularity, timezone: tenant.timezone, fresh_until: await freshUntil(client) }
            }),
        })
      },
    )
  }

  for (const { path, summary, roles, metrics: names } of seriesRoutes) {
    const metrics = names.map(named)
    app.get(
      path,
      {
        config: { roles, heavyRead: true, audit: 'series.read', errors: [errors.UNKNOWN_DIMENSION] },
        schema: { tags: ['dashboards'], summary, querystring: readQuerySchema, response: { 200: seriesListSchema } },
      },
      async (request, reply) => {
        const { principal, query } = request
        const { tenant } = await contextOf(principal.tenantId)
        const readable = metrics.filter((metric) => mayRead(principal.role, metric))
        const reads = readable
          .filter((metric) => query.granularity === undefined || metric.granularities.includes(query.granularity))
          .map((metric) => ({ metric, read: readMetricQuery(query, metric, tenant, principal) }))
        return reply.sendCached({
          key: {
            query,
            ranges: reads.map(({ read }) => describeRange(read.range)),
            filters: readFilters(query, principal),
          },
          sources: ['kpi'],
          ttlSeconds: 60,
          produce: () =>
            withTenant(app.deps.database.pool, tenant.id, async (client) => {
              const fresh_until = await freshUntil(client)
              const answers = []
              for (const { metric, read } of reads)
                answers.push({
                  metric: describeMetric(metric, tenant),
                  range: describeRange(read.range),
                  fresh_until,
                  ...policyOf(metric, tenant),
                  series: await readMetric(client, metric, read),
                  ...(query.compare
                    ? { previous: await readMetric(client, metric, { ...read, range: previousRange(read.range) }) }
                    : {}),
                })
              return { metrics: answers }
            }),
        })
      },
    )
  }
}
