import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { withTenant } from '../../../db/tenant.ts'
import { ApiError, errors } from '../../errors.ts'
import { rangeSchema } from '../../schemas/series.ts'
import {
  cohortFilters,
  cohortSchema,
  modes,
  pool,
  pooledSchema,
  readTriangle,
  type Triangle,
  units,
} from './cohort-triangle.ts'
import { freshUntil } from './freshness.ts'
import type { AnalyticsOptions } from './options.ts'
import { describeRange } from './range.ts'
import { readFilters, readQuerySchema, readRange } from './read-query.ts'

const querySchema = z.strictObject({
  from: readQuerySchema.shape.from.describe('Members who signed up from here on (recurring: activity from here on).'),
  to: readQuerySchema.shape.to,
  cohort: z.enum(units).default('week').describe('Cohorts by day, ISO week or month of signing up.'),
  unit: z.enum(units).default('week').describe('What a column counts after signing up.'),
  mode: z
    .enum(modes)
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
  ...cohortFilters,
})

const answerSchema = z
  .object({
    range: rangeSchema,
    mode: z.enum(modes),
    unit: z.enum(units),
    fresh_until: z.string().nullable(),
    cohorts: z.array(cohortSchema),
    pooled: z.array(pooledSchema),
  })
  .meta({
    id: 'Cohorts',
    examples: [
      {
        range: { from: '2026-03-30', to: '2026-04-06', granularity: 'week', timezone: 'Europe/Berlin' },
        mode: 'classic',
        unit: 'week',
        fresh_until: '2026-04-14T06:00:00.000Z',
        cohorts: [
          {
            cohort: '2026-W14',
            from: '2026-03-30',
            size: 10,
            cells: [
              { n: 0, retained: 10, rate: 1 },
              { n: 1, retained: 6, rate: 0.6 },
              { n: 2, retained: null, rate: null },
            ],
          },
        ],
        pooled: [
          { n: 0, size: 10, retained: 10, rate: 1, mean: 1 },
          { n: 1, size: 10, retained: 6, rate: 0.6, mean: 0.6 },
          { n: 2, size: 0, retained: 0, rate: null, mean: null },
        ],
      },
    ],
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
        response: { 200: answerSchema },
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
        key: { ...triangle, range: describeRange(range) },
        sources: ['kpi'],
        ttlSeconds: 60,
        produce: () =>
          withTenant(app.deps.database.pool, tenant.id, async (client) => {
            const cohorts = await readTriangle(client, triangle)
            return {
              range: describeRange(range),
              mode,
              unit,
              fresh_until: await freshUntil(client),
              cohorts,
              pooled: pool(cohorts),
            }
          }),
      })
    },
  )
}
