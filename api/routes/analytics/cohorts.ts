import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { DateTime } from 'luxon'
import type pg from 'pg'
import { z } from 'zod'
import type { PeriodRange } from '../../../db/period.ts'
import { metricParameters, readMetric } from '../../../db/reader.ts'
import { loadSql } from '../../../db/sql.ts'
import { withTenant } from '../../../db/tenant.ts'
import { findMetric } from '../../../metrics/catalog.ts'
import type { Dimension } from '../../../metrics/metric.ts'
import { cohortsBracketSql, cohortsRecurringSql, cohortsSql } from '../../../metrics/relations.ts'
import { ApiError, errors } from '../../errors.ts'
import { rangeSchema, seriesAnswerSchema } from '../../schemas/series.ts'
import { describeMetric, mayRead } from './describe.ts'
import { freshUntil } from './freshness.ts'
import type { AnalyticsOptions } from './options.ts'
import { describeRange } from './range.ts'
import { readFilters, readQuerySchema, readRange } from './read-query.ts'

const modes = ['classic', 'rolling', 'bracket', 'calendar', 'recurring', 'recurring_rolling'] as const
const units = ['day', 'week', 'month'] as const

const filters = {
  'filter[plan]': readQuerySchema.shape['filter[plan]'],
  'filter[coach]': readQuerySchema.shape['filter[coach]'],
}
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
  ...filters,
})

const cellSchema = z.object({
  n: z.int(),
  retained: z.number().nullable().describe('null while the cell is not over.'),
  rate: z.number().nullable(),
})
const cohortSchema = z.object({ cohort: z.string(), from: z.string(), size: z.number(), cells: z.array(cellSchema) })
const pooledSchema = z.object({
  n: z.int(),
  size: z.number(),
  retained: z.number(),
  rate: z.number().nullable().describe('Retained of all cohorts / their sizes, cells that are over only.'),
  mean: z.number().nullable().describe('Mean of the cohorts’ rates, cells that are over only.'),
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

const deepDiveSchema = z
  .object({
    cohort: z.string(),
    range: rangeSchema,
    size: z.number(),
    fresh_until: z.string().nullable(),
    curve: z.array(cellSchema).describe('Week-n retention.'),
    metrics: z.array(seriesAnswerSchema).describe('What the cohort did since, by month.'),
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
      },
    ],
  })

type Cohort = z.infer<typeof cohortSchema>
type Row = { cohort: string; n: number; size: number; retained: number | null }
type Unit = (typeof units)[number]

/** A cohort is named 2026-W14 (ISO week), 2026-04 (month) or 2026-04-01 (day). */
export function cohortName(from: string, unit: Unit): string {
  const start = DateTime.fromISO(from)
  return start.toFormat(unit === 'week' ? "kkkk-'W'WW" : unit === 'month' ? 'yyyy-MM' : 'yyyy-MM-dd')
}

/** The first day and unit a cohort name stands for; undefined when it names none. */
export function parseCohort(name: string): { unit: 'week' | 'month'; from: DateTime } | undefined {
  const unit = /^\d{4}-W\d{2}$/.test(name) ? 'week' : /^\d{4}-\d{2}$/.test(name) ? 'month' : undefined
  if (unit === undefined) return undefined
  const from = DateTime.fromISO(name, { zone: 'utc' })
  return from.isValid && cohortName(from.toISODate() ?? '', unit) === name ? { unit, from } : undefined
}

function toCohorts(rows: readonly Row[], unit: Unit): Cohort[] {
  const cohorts = new Map<string, Cohort>()
  for (const { cohort, n, size, retained } of rows) {
    const found = cohorts.get(cohort) ?? { cohort: cohortName(cohort, unit), from: cohort, size, cells: [] }
    found.cells.push({ n, retained, rate: retained === null || size === 0 ? null : retained / size })
    cohorts.set(cohort, found)
  }
  return [...cohorts.values()]
}

/** Weighted and simple mean over cells that are over; a cohort without members has no say. */
function pool(cohorts: readonly Cohort[]): z.infer<typeof pooledSchema>[] {
  const columns = new Map<number, { size: number; retained: number; rates: number[] }>()
  for (const { size, cells } of cohorts)
    for (const { n, retained, rate } of cells) {
      const column = columns.get(n) ?? { size: 0, retained: 0, rates: [] }
      columns.set(n, column)
      if (retained === null || rate === null) continue
      column.size += size
      column.retained += retained
      column.rates.push(rate)
    }
  return [...columns]
    .sort(([a], [b]) => a - b)
    .map(([n, { size, retained, rates }]) => ({
      n,
      size,
      retained,
      rate: size === 0 ? null : retained / size,
      mean: rates.length === 0 ? null : rates.reduce((a, b) => a + b) / rates.length,
    }))
}

interface Triangle {
  readonly range: PeriodRange
  readonly cohort: Unit
  readonly unit: Unit
  readonly mode: (typeof modes)[number]
  readonly units: number
  readonly bracket?: readonly [number, number] | undefined
  readonly filters: Partial<Record<Dimension, string[]>>
}

async function readTriangle(client: pg.ClientBase, triangle: Triangle): Promise<Cohort[]> {
  const { mode, bracket } = triangle
  const recurring = mode === 'recurring' || mode === 'recurring_rolling'
  const statement = loadSql(mode === 'bracket' ? cohortsBracketSql : recurring ? cohortsRecurringSql : cohortsSql)
  const { rows } = await client.query<Row>(
    statement.bind({
      ...metricParameters({ range: triangle.range, filters: triangle.filters }, DateTime.utc()),
      cohort: triangle.cohort,
      unit: triangle.unit,
      mode,
      units: triangle.units,
      first: bracket?.[0] ?? 0,
      last: bracket?.[1] ?? 0,
    }),
  )
  return toCohorts(rows, recurring ? triangle.unit : triangle.cohort)
}

function readBracket(query: z.infer<typeof querySchema>): [number, number] | undefined {
  if (query.mode !== 'bracket') return undefined
  const [first = Number.NaN, last = Number.NaN] = (query.bracket ?? '').split('-').map(Number)
  if (first <= last) return [first, last]
  throw new ApiError(errors.VALIDATION_FAILED, {
    errors: [{ path: 'bracket', message: 'mode=bracket needs bracket=first-last in days, such as 3-7' }],
  })
}

const deepDiveMetrics = ['active_members', 'active_minutes', 'goal_completion_rate', 'completed_goals']

/** Retention by signup cohort: the triangle, and one cohort in depth. */
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

  app.get(
    '/cohorts/:cohortId',
    {
      config: { roles: ['admin', 'coach'], heavyRead: true, audit: 'cohort.read', errors: [errors.NOT_FOUND] },
      schema: {
        tags: ['dashboards'],
        summary: 'One signup cohort in depth',
        params: z.object({ cohortId: z.string().max(10).describe('2026-W14 or 2026-04') }),
        querystring: z.strictObject(filters),
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
      const metrics = deepDiveMetrics
        .map(findMetric)
        .filter((metric) => metric !== undefined && mayRead(principal.role, metric))
      return reply.sendCached({
        key: { cohortId, filters: own, since: describeRange(since) },
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
            return {
              cohort: cohortId,
              range: describeRange(range),
              size: found.size,
              fresh_until,
              curve: found.cells.filter((cell) => cell.retained !== null),
              metrics: answers,
            }
          }),
      })
    },
  )
}
