import { DateTime } from 'luxon'
import { z } from 'zod'
import { type PeriodRange, periodRange, RangeError400 } from '../../../db/period.ts'
import type { Tenant } from '../../../db/tenant.ts'
import {
  type Dimension,
  dimensionTitles,
  type Granularity,
  granularities,
  type Metric,
} from '../../../metrics/metric.ts'
import { ApiError, errors } from '../../errors.ts'
import type { Principal } from '../../security/principal.ts'

const dimensions = Object.keys(dimensionTitles) as Dimension[]

const oneOrMany = z
  .union([z.string(), z.array(z.string())])
  .transform((value) => [value].flat().flatMap((item) => item.split(',')))
  .pipe(z.array(z.string().max(128)).max(200))

const filterParameters = Object.fromEntries(
  dimensions.map((name) => [
    `filter[${name}]`,
    oneOrMany
      .optional()
      .describe(`Only these values of ${dimensionTitles[name].toLowerCase()}; comma-separated or repeated.`),
  ]),
) as { [key in `filter[${Dimension}]`]: z.ZodOptional<typeof oneOrMany> }

const day = z.string().max(40)

/** Query parameters every time-series read shares. Unknown ones are an error: a misspelt filter must not widen an answer. */
export const readQuerySchema = z.strictObject({
  from: day
    .optional()
    .describe('ISO date (the tenant’s calendar) or instant, inclusive. Default: 30 periods before `to`.'),
  to: day.optional().describe('ISO date or instant, exclusive. Default: the end of today.'),
  granularity: z.enum(granularities).optional().describe('Default: day, or the finest the metric has beyond hours.'),
  group_by: z.string().max(64).optional().describe('One of the metric’s dimensions.'),
  compare: z.literal('previous_period').optional().describe('Adds the same number of periods directly before.'),
  ...filterParameters,
})
/** Filters of what members do, and of what they pay: the dimensions differ, and routes take the ones or the others. */
export const memberFilterParameters = {
  'filter[plan]': filterParameters['filter[plan]'],
  'filter[coach]': filterParameters['filter[coach]'],
  'filter[cohort]': filterParameters['filter[cohort]'],
  'filter[cohort_month]': filterParameters['filter[cohort_month]'],
}
export const moneyFilterParameters = {
  'filter[plan]': filterParameters['filter[plan]'],
  'filter[currency]': filterParameters['filter[currency]'],
  'filter[provider]': filterParameters['filter[provider]'],
}
export type ReadQuery = z.infer<typeof readQuerySchema>

export interface MetricRead {
  readonly range: PeriodRange
  readonly groupBy: Dimension | undefined
  readonly filters: Partial<Record<Dimension, string[]>>
}

const DEFAULT_PERIODS: Readonly<Record<Granularity, number>> = { hour: 48, day: 30, week: 12, month: 12 }

function defaultFrom(to: string, granularity: Granularity, { timezone }: Tenant): string {
  const end = DateTime.fromISO(to, { zone: timezone })
  return (end.isValid ? end.minus({ [granularity]: DEFAULT_PERIODS[granularity] }).toISO() : null) ?? ''
}

/** The range asked for, cut to the tenant's calendar; 400 names the parameter and the limit. */
export function readRange(
  query: { from?: string | undefined; to?: string | undefined },
  granularity: Granularity,
  tenant: Tenant,
  now?: DateTime,
): PeriodRange {
  const to = query.to ?? (now ?? DateTime.utc()).setZone(tenant.timezone).plus({ days: 1 }).toISODate() ?? ''
  const from = query.from ?? defaultFrom(to, granularity, tenant)
  try {
    return periodRange(from, to, granularity, tenant.timezone)
  } catch (error) {
    if (!(error instanceof RangeError400)) throw error
    throw new ApiError(errors.VALIDATION_FAILED, { errors: [{ path: error.path, message: error.message }] })
  }
}

/** Filters by dimension, with a coach's token narrowed to the coach's own members. */
export function readFilters(
  query: Readonly<Record<string, unknown>>,
  principal: Principal,
): Partial<Record<Dimension, string[]>> {
  const filters: Partial<Record<Dimension, string[]>> = {}
  for (const name of dimensions) {
    const values = query[`filter[${name}]`]
    if (Array.isArray(values)) filters[name] = values as string[]
  }
  if (principal.coachId !== undefined) {
    const own = principal.coachId
    // Asking for somebody else's members gives an empty answer, not theirs.
    filters.coach = filters.coach === undefined || filters.coach.includes(own) ? [own] : []
  }
  return filters
}

/** Checks a query against what the metric offers; 400 names what is allowed. */
export function readMetricQuery(query: ReadQuery, metric: Metric, tenant: Tenant, principal: Principal): MetricRead {
  const granularity = query.granularity ?? metric.granularities.find((name) => name !== 'hour') ?? 'day'
  if (!metric.granularities.includes(granularity))
    throw new ApiError(errors.VALIDATION_FAILED, {
      errors: [{ path: 'granularity', message: `${metric.name} has: ${metric.granularities.join(', ')}` }],
    })
  const allowed = `allowed: ${metric.dimensions.join(', ') || 'none'}`
  const groupBy = metric.dimensions.find((name) => name === query.group_by)
  if (query.group_by !== undefined && groupBy === undefined)
    throw new ApiError(errors.UNKNOWN_DIMENSION, { errors: [{ path: 'group_by', message: allowed }] })
  const filters = readFilters(query, principal)
  for (const name of Object.keys(filters) as Dimension[])
    if (!metric.dimensions.includes(name))
      throw new ApiError(errors.UNKNOWN_DIMENSION, { errors: [{ path: `filter[${name}]`, message: allowed }] })
  return { range: readRange(query, granularity, tenant), groupBy, filters }
}
