import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { DateTime } from 'luxon'
import { z } from 'zod'
import { metricParameters, readMetric } from '../../../db/reader.ts'
import { revenuePolicyVersion } from '../../../db/revenue/policy.ts'
import { loadSql } from '../../../db/sql.ts'
import { withTenant } from '../../../db/tenant.ts'
import { findMetric } from '../../../metrics/catalog.ts'
import { netMrr } from '../../../metrics/net-mrr.ts'
import { cohortActiveSql } from '../../../metrics/relations.ts'
import { ApiError, errors } from '../../errors.ts'
import { rangeSchema, seriesAnswerSchema } from '../../schemas/series.ts'
import { unitSchema } from '../../schemas/unit.ts'
import { readCohortRevenue, revenueCellSchema } from './cohort-revenue.ts'
import { cellSchema, cohortFilters, parseCohort, readTriangle } from './cohort-triangle.ts'
import { describeMetric, describeUnit, mayRead } from './describe.ts'
import { freshUntil } from './freshness.ts'
import type { AnalyticsOptions } from './options.ts'
import { describeRange } from './range.ts'
import { readFilters, readRange } from './read-query.ts'

const deepDiveSchema = z
  .object({
    cohort: z.string(),
    range: rangeSchema,
    size: z.number(),
    fresh_until: z.string().nullable(),
    curve: z.array(cellSchema).describe('Week-n retention.'),
    churn: z
      .object({ active: z.number(), lost: z.number(), rate: z.number().nullable() })
      .describe('Of the cohort: who did something in the last 30 days, who did not, and lost / size.'),
    metrics: z.array(seriesAnswerSchema).describe('What the cohort did since, by month.'),
    revenue: z
      .object({ unit: unitSchema, policy_version: z.string(), curve: z.array(revenueCellSchema) })
      .optional()
      .describe('What the cohort paid, by month after signing up, months that are over; for admins.'),
  })
  .meta({
    id: 'CohortDeepDive',
    examples: [
      {
        cohort: '2026-W14',
        range: { from: '2026-03-30', to: '2026-04-06', granularity: 'week', timezone: 'Europe/Berlin' },
        size: 10,
        fresh_until: '2026-04-14T06:00:00.000Z',
        curve: [{ n: 0, retained: 10, rate: 1 }],
        churn: { active: 6, lost: 4, rate: 0.4 },
        metrics: [
          {
            metric: {
              name: 'dau',
              title: 'Daily active members',
              unit: { kind: 'count' },
              dimensions: ['plan', 'coach'],
              grain: 'day',
              definition: 'Distinct members with at least one tracked action on the local day.',
            },
            range: { from: '2026-04-01', to: '2026-04-03', granularity: 'day', timezone: 'Europe/Berlin' },
            fresh_until: '2026-04-03T06:00:00.000Z',
            series: [
              {
                key: {},
                points: [
                  { t: '2026-04-01', value: 41 },
                  { t: '2026-04-02', value: 44 },
                ],
              },
            ],
          },
        ],
        revenue: {
          unit: { kind: 'money', currency: 'USD', digits: 2 },
          policy_version: 'mrr1 churn=period_end discounts=permanent week=52/12 day=365/12 revenuecat_stripe=ignore',
          curve: [{ n: 0, revenue: 40000, revenue_to_date: 40000, per_member: 4000, paying: 8, churned: 0 }],
        },
      },
    ],
  })

const MONTHS = 60
const deepDiveMetrics = [
  'active_members',
  'active_minutes',
  'goal_completion_rate',
  'completed_goals',
  'habit_adherence_score',
  'habit_completion_rate',
]

/** One signup cohort in depth. */
export const cohortDeepDiveRoutes: FastifyPluginAsyncZod<AnalyticsOptions> = async (app, { contextOf }) => {
  app.get(
    '/cohorts/:cohortId',
    {
      config: { roles: ['admin', 'coach'], heavyRead: true, audit: 'cohort.read', errors: [errors.NOT_FOUND] },
      schema: {
        tags: ['dashboards'],
        summary: 'One signup cohort in depth',
        params: z.object({ cohortId: z.string().max(10).describe('2026-W14 or 2026-04') }),
        querystring: z.strictObject(cohortFilters),
        response: { 200: deepDiveSchema },
      },
    },
    async (request, reply) => {
      const { principal, query } = request
      const { cohortId } = request.params
      const cohort = parseCohort(cohortId)
      if (!cohort)
        throw new ApiError(errors.NOT_FOUND, { detail: 'A cohort is an ISO week (2026-W14) or a month (2026-04).' })
      const { tenant } = await contextOf(principal.tenantId)
      const from = cohort.from.toISODate() ?? ''
      const to = cohort.from.plus({ [cohort.unit]: 1 }).toISODate() ?? ''
      const range = readRange({ from, to }, cohort.unit, tenant)
      const own = readFilters(query, principal)
      const since = readRange(
        { from, to: DateTime.min(DateTime.utc(), cohort.from.plus({ months: 24 })).toISODate() ?? '' },
        'month',
        tenant,
      )
      const isAdmin = principal.role === 'admin'
      const metrics = deepDiveMetrics
        .map(findMetric)
        .filter((metric) => metric !== undefined && mayRead(principal.role, metric))
      return reply.sendCached({
        key: { cohortId, filters: own, since: describeRange(since), isAdmin },
        sources: ['kpi'],
        ttlSeconds: 60,
        produce: () =>
          withTenant(app.deps.database.pool, tenant.id, async (client) => {
            const [found] = await readTriangle(client, {
              range,
              cohort: cohort.unit,
              unit: 'week',
              mode: 'classic',
              units: 52,
              filters: own,
            })
            if (!found) throw new ApiError(errors.NOT_FOUND, { detail: 'Nobody signed up in this cohort.' })
            const fresh_until = await freshUntil(client)
            const filtersOfCohort = { ...own, [cohort.unit === 'week' ? 'cohort' : 'cohort_month']: [cohortId] }
            const answers = []
            for (const metric of metrics) {
              if (metric === undefined) continue
              const series = await readMetric(client, metric, { range: since, filters: filtersOfCohort })
              answers.push({ metric: describeMetric(metric, tenant), range: describeRange(since), fresh_until, series })
            }
            const parameters = metricParameters({ range, filters: own }, DateTime.utc())
            const recent = await client.query<{ active: number }>(loadSql(cohortActiveSql).bind(parameters))
            const active = recent.rows[0]?.active ?? 0
            const curve = isAdmin
              ? (await readCohortRevenue(client, { range, cohort: cohort.unit, units: MONTHS, filters: own }))[0]?.cells
              : undefined
            return {
              cohort: cohortId,
              range: describeRange(range),
              size: found.size,
              fresh_until,
              curve: found.cells.filter((cell) => cell.retained !== null),
              churn: {
                active,
                lost: found.size - active,
                rate: found.size === 0 ? null : (found.size - active) / found.size,
              },
              metrics: answers,
              ...(curve && {
                revenue: {
                  unit: describeUnit(netMrr, tenant),
                  policy_version: revenuePolicyVersion(tenant),
                  curve: curve.filter(({ paying }) => paying !== null),
                },
              }),
            }
          }),
      })
    },
  )
}
