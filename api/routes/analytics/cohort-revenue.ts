import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { DateTime } from 'luxon'
import type pg from 'pg'
import { z } from 'zod'
import type { PeriodRange } from '../../../db/period.ts'
import { metricParameters } from '../../../db/reader.ts'
import { revenuePolicyVersion } from '../../../db/revenue/policy.ts'
import { loadSql } from '../../../db/sql.ts'
import { withTenant } from '../../../db/tenant.ts'
import type { Dimension } from '../../../metrics/metric.ts'
import { netMrr } from '../../../metrics/net-mrr.ts'
import { cohortRevenueSql, revenueUnassignedSql } from '../../../metrics/relations.ts'
import { cohortRevenueAnswerSchema, type RevenueCell } from '../../schemas/cohorts.ts'
import { cohortFilters, cohortName } from './cohort-triangle.ts'
import { describeUnit } from './describe.ts'
import { freshUntil } from './freshness.ts'
import type { AnalyticsOptions } from './options.ts'
import { describeRange } from './range.ts'
import { readFilters, readQuerySchema, readRange } from './read-query.ts'

interface CohortRevenue {
  readonly cohort: string
  readonly from: string
  readonly size: number
  readonly cells: RevenueCell[]
}
type Row = Omit<RevenueCell, 'revenue_to_date' | 'per_member'> & { cohort: string; size: number; is_over: boolean }

const round = (value: number | null): number | null => (value === null ? null : Math.round(value))

/** Revenue by signup cohort and month after signing up, cumulated. Amounts are rounded once, after summing. */
export async function readCohortRevenue(
  client: pg.ClientBase,
  query: {
    range: PeriodRange
    cohort: 'week' | 'month'
    units: number
    filters: Partial<Record<Dimension, string[]>>
  },
  now: DateTime = DateTime.utc(),
): Promise<CohortRevenue[]> {
  const { rows } = await client.query<Row>(
    loadSql(cohortRevenueSql).bind({ ...metricParameters(query, now), cohort: query.cohort, units: query.units }),
  )
  const cohorts = new Map<string, CohortRevenue & { toDate: number | null }>()
  for (const { cohort, size, is_over: _, n, revenue, paying, churned } of rows) {
    const known = cohorts.get(cohort) ?? {
      cohort: cohortName(cohort, query.cohort),
      from: cohort,
      size,
      cells: [],
      toDate: 0,
    }
    cohorts.set(cohort, known)
    known.toDate = known.toDate === null || revenue === null ? null : known.toDate + revenue
    const per_member = known.toDate === null ? null : known.toDate / size
    known.cells.push({
      n,
      revenue: round(revenue),
      revenue_to_date: round(known.toDate),
      per_member: round(per_member),
      paying,
      churned,
    })
  }
  return [...cohorts.values()].map(({ toDate: _, ...cohort }) => cohort)
}

function pool(cohorts: readonly CohortRevenue[], units: number) {
  return Array.from({ length: units + 1 }, (_, n) => {
    const known = cohorts.flatMap(({ size, cells }) => {
      const revenue = cells[n]?.revenue_to_date ?? null
      return revenue === null ? [] : [{ size, revenue }]
    })
    const size = known.reduce((sum, one) => sum + one.size, 0)
    const revenue_to_date = known.length === 0 ? null : known.reduce((sum, { revenue }) => sum + revenue, 0)
    return {
      n,
      size,
      revenue_to_date,
      per_member: revenue_to_date === null ? null : Math.round(revenue_to_date / size),
    }
  })
}

/** What signup cohorts paid, month by month after signing up: LTV curves. */
export const cohortRevenueRoutes: FastifyPluginAsyncZod<AnalyticsOptions> = async (app, { contextOf }) => {
  app.get(
    '/revenue/cohorts',
    {
      config: { roles: ['admin', 'finance'], heavyRead: true, audit: 'revenue.cohorts.read' },
      schema: {
        tags: ['revenue'],
        summary: 'Revenue and LTV curve by signup cohort',
        querystring: z.strictObject({
          from: readQuerySchema.shape.from.describe('Members who signed up from here on.'),
          to: readQuerySchema.shape.to,
          cohort: z.enum(['week', 'month']).default('month').describe('Cohorts by ISO week or month of signing up.'),
          units: z.coerce.number().int().min(0).max(60).default(12).describe('Months after the first.'),
          ...cohortFilters,
        }),
        response: { 200: cohortRevenueAnswerSchema },
      },
    },
    async (request, reply) => {
      const { principal, query } = request
      const { cohort, units } = query
      const { tenant } = await contextOf(principal.tenantId)
      const range = readRange(query, cohort, tenant)
      const filters = readFilters(query, principal)
      return reply.sendCached({
        key: { range: describeRange(range), cohort, units, filters },
        sources: ['kpi'],
        ttlSeconds: 60,
        produce: () =>
          withTenant(app.deps.database.pool, tenant.id, async (client) => {
            const now = DateTime.utc()
            const cohorts = await readCohortRevenue(client, { range, cohort, units, filters }, now)
            const { rows } = await client.query<{ amount: number | null }>(
              loadSql(revenueUnassignedSql).bind({ today: now.setZone(tenant.timezone).toISODate() }),
            )
            return {
              range: describeRange(range),
              unit: describeUnit(netMrr, tenant),
              cohorts,
              pooled: pool(cohorts, units),
              unassigned: round(rows[0]?.amount ?? null),
              fresh_until: await freshUntil(client),
              policy_version: revenuePolicyVersion(tenant),
            }
          }),
      })
    },
  )
}
