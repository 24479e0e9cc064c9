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
import { cohortDeepDiveSchema } from '../../schemas/cohorts.ts'
import { readCohortRevenue } from './cohort-revenue.ts'
import { cohortFilters, parseCohort, readTriangle } from './cohort-triangle.ts'
import { describeMetric, describeUnit, mayRead } from './describe.ts'
import { freshUntil } from './freshness.ts'
import type { AnalyticsOptions } from './options.ts'
import { describeRange } from './range.ts'
import { readFilters, readRange } from './read-query.ts'

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
        response: { 200: cohortDeepDiveSchema },
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
