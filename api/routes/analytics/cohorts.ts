import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { previousRange } from '../../../db/period.ts'
import { withTenant } from '../../../db/tenant.ts'
import { cohortUnits, retentionModes } from '../../../metrics/retention-modes.ts'
import { ApiError, errors } from '../../errors.ts'
import { cohortsAnswerSchema } from '../../schemas/cohorts.ts'
import { cohortFilters, pool, readTriangle, type Triangle } from './cohort-triangle.ts'
import { freshUntil } from './freshness.ts'
import type { AnalyticsOptions } from './options.ts'
import { describeRange } from './range.ts'
import { readFilters, readQuerySchema, readRange } from './read-query.ts'

const querySchema = z.strictObject({
  from: readQuerySchema.shape.from.describe('Members who signed up from here on (recurring: activity from here on).'),
  to: readQuerySchema.shape.to,
  cohort: z.enum(cohortUnits).default('week').describe('Cohorts by day, ISO week or month of signing up.'),
  unit: z.enum(cohortUnits).default('week').describe('What a column counts after signing up.'),
  mode: z
    .enum(retentionModes)
    .default('classic')
    .describe(
      'classic: active in unit n after signing up (day n; days 7n…7n+6). rolling: active then or later. bracket: active on any day of `bracket`. calendar: active in the n-th calendar week or month after the cohort’s. recurring: everyone active in a period, active again n periods later (recurring_rolling: or later).',
    ),
  units: z.coerce.number().int().min(0).max(366).default(12).describe('Columns after the first.'),
  bracket: z
    .string()
    .regex(/^\d{1,3}-\d{1,3}$/)
    .optional()
    .describe('For mode=bracket: first and last day after signing up, such as 3-7.'),
  compare: readQuerySchema.shape.compare,
  ...cohortFilters,
})

function readBracket(query: z.infer<typeof querySchema>): [number, number] | undefined {
  if (query.mode !== 'bracket') return undefined
  const [first = Number.NaN, last = Number.NaN] = (query.bracket ?? '').split('-').map(Number)
  if (first <= last) return [first, last]
  throw new ApiError(errors.VALIDATION_FAILED, {
    errors: [{ path: 'bracket', message: 'mode=bracket needs bracket=first-last in days, such as 3-7' }],
  })
}

/** Retention by signup cohort. */
export const cohortRoutes: FastifyPluginAsyncZod<AnalyticsOptions> = async (app, { contextOf }) => {
  app.get(
    '/cohorts',
    {
      config: { roles: ['admin', 'coach'], heavyRead: true, audit: 'cohorts.read' },
      schema: {
        tags: ['dashboards'],
        summary: 'Retention triangle',
        querystring: querySchema,
        response: { 200: cohortsAnswerSchema },
      },
    },
    async (request, reply) => {
      const { principal, query } = request
      if (query.mode === 'calendar' && query.unit === 'day')
        throw new ApiError(errors.VALIDATION_FAILED, {
          errors: [
            { path: 'unit', message: 'calendar counts weeks or months; classic days are calendar days already' },
          ],
        })
      if (query.unit === 'month' && (query.mode === 'classic' || query.mode === 'rolling'))
        throw new ApiError(errors.VALIDATION_FAILED, {
          errors: [{ path: 'unit', message: 'months have no fixed length: use mode=calendar, or unit=day or week' }],
        })
      const { tenant } = await contextOf(principal.tenantId)
      const recurring = query.mode.startsWith('recurring')
      const range = readRange(query, recurring ? query.unit : query.cohort, tenant)
      const bracket = readBracket(query)
      const { cohort, unit, mode } = query
      const triangle: Triangle = {
        range,
        cohort,
        unit,
        mode,
        units: query.units,
        bracket,
        filters: readFilters(query, principal),
      }
      return reply.sendCached({
        key: { ...triangle, range: describeRange(range), compare: query.compare },
        sources: ['kpi'],
        ttlSeconds: 60,
        produce: () =>
          withTenant(app.deps.database.pool, tenant.id, async (client) => {
            const cohorts = await readTriangle(client, triangle)
            const before = previousRange(range)
            return {
              range: describeRange(range),
              mode,
              unit,
              fresh_until: await freshUntil(client),
              cohorts,
              pooled: pool(cohorts),
              ...(query.compare && {
                previous: {
                  range: describeRange(before),
                  pooled: pool(await readTriangle(client, { ...triangle, range: before })),
                },
              }),
            }
          }),
      })
    },
  )
}
