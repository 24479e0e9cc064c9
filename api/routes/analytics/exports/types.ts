import { DateTime } from 'luxon'
import { z } from 'zod'
import type { ExportFormat, ExportPayload, ExportType } from '../../../../db/exports/payload.ts'
import type { PeriodRange } from '../../../../db/period.ts'
import { periodRange, RangeError400 } from '../../../../db/period.ts'
import type { Tenant } from '../../../../db/tenant.ts'
import { findMetric } from '../../../../metrics/catalog.ts'
import { bands } from '../../../../metrics/churn/bands.ts'
import { netMrr } from '../../../../metrics/net-mrr.ts'
import { overviewMetrics } from '../../../../metrics/overview.ts'
import { cohortUnits, retentionModes } from '../../../../metrics/retention-modes.ts'
import { userIdPattern } from '../../../../sources/envelope.ts'
import { erasureKeyOf, memberHash } from '../../../../sources/member-ids.ts'
import { ApiError, errors } from '../../../errors.ts'
import type { Principal, Role } from '../../../security/principal.ts'
import { cohortFilters } from '../cohort-triangle.ts'
import { mayRead } from '../describe.ts'
import { memberFilterParameters, readFilters, readMetricQuery, readQuerySchema, readRange } from '../read-query.ts'
import { revenueCardMetrics, revenueSeriesMetrics } from '../revenue.ts'
import type { TenantContext } from '../tenant-context.ts'

/** A kind of export: who may have it, what may be asked, and what exactly a worker is then told. */
interface ExportDefinition<Params extends z.ZodType = z.ZodType> {
  readonly title: string
  readonly roles: readonly Role[]
  /** Whether the file has rows of single members; an erasure withdraws it then. */
  readonly containsMembers: boolean
  /** The formats there are; by default those of tables and pages. */
  readonly formats?: readonly ExportFormat[]
  /** The query parameters of the route that shows the same, by the same names. */
  readonly params: Params
  toPayload(params: z.infer<Params>, context: TenantContext, principal: Principal): ExportPayload
}

const define = <Params extends z.ZodType>(definition: ExportDefinition<Params>): ExportDefinition =>
  definition as unknown as ExportDefinition

const resolved = ({ fromAt, toAt, granularity }: PeriodRange) => ({
  from: fromAt.toISO() ?? '',
  to: toAt.toISO() ?? '',
  granularity,
})

const { 'filter[plan]': plan, 'filter[currency]': currency, 'filter[provider]': provider } = readQuerySchema.shape
const coarse = z.enum(['day', 'week', 'month'])
const days = z.strictObject({ from: readQuerySchema.shape.from, to: readQuerySchema.shape.to })

/** Whole days of the tenant's calendar; by default the 30 up to and with today. */
function readDays(query: z.infer<typeof days>, { timezone }: Tenant): { from: string; to: string } {
  const to = query.to ?? DateTime.now().setZone(timezone).plus({ days: 1 }).toISODate() ?? ''
  const from = query.from ?? DateTime.fromISO(to, { zone: timezone }).minus({ days: 30 }).toISODate() ?? ''
  try {
    const { fromAt, toAt } = periodRange(from, to, 'day', timezone)
    return { from: fromAt.toISODate() ?? '', to: toAt.toISODate() ?? '' }
  } catch (error) {
    if (!(error instanceof RangeError400)) throw error
    throw new ApiError(errors.VALIDATION_FAILED, { errors: [{ path: error.path, message: error.message }] })
  }
}

/** Every type that can be asked for. A further streamed relation is an entry here and one in db/exports/tables.ts. */
export const exportDefinitions: Partial<Record<ExportType, ExportDefinition>> = {
  metric: define({
    title: 'One metric over time',
    roles: ['admin', 'finance'],
    containsMembers: false,
    params: readQuerySchema.omit({ compare: true }).extend({ metric: z.string().max(64) }),
    toPayload({ metric: name, ...query }, { tenant }, principal) {
      const metric = findMetric(name)
      if (!metric) throw new ApiError(errors.UNKNOWN_METRIC)
      if (!mayRead(principal.role, metric)) throw new ApiError(errors.ROLE_NOT_ALLOWED)
      const { range, groupBy, filters } = readMetricQuery(query, metric, tenant, principal)
      return { type: 'metric', metric: name, ...resolved(range), group_by: groupBy, filters }
    },
  }),
  overview: define({
    title: 'KPI cards of every pillar',
    roles: ['admin'],
    containsMembers: false,
    params: z.strictObject({
      granularity: coarse.default('week'),
      ...memberFilterParameters,
    }),
    toPayload: (query, _context, principal) => ({
      type: 'overview',
      metrics: [...overviewMetrics],
      granularity: query.granularity,
      filters: readFilters(query, principal),
      now: DateTime.utc().toISO(),
    }),
  }),
  revenue: define({
    title: 'MRR and its movements',
    roles: ['admin', 'finance'],
    containsMembers: false,
    params: z.strictObject({
      from: readQuerySchema.shape.from,
      to: readQuerySchema.shape.to,
      granularity: coarse.default('month'),
      group_by: readQuerySchema.shape.group_by,
      'filter[plan]': plan,
      'filter[currency]': currency,
      'filter[provider]': provider,
    }),
    toPayload(query, { tenant }, principal) {
      const { range, groupBy, filters } = readMetricQuery(query, netMrr, tenant, principal)
      const names = (metrics: readonly { readonly name: string }[]) => metrics.map(({ name }) => name)
      return {
        type: 'revenue',
        metrics: names(revenueSeriesMetrics),
        cards: names(revenueCardMetrics),
        ...resolved(range),
        group_by: groupBy,
        filters,
      }
    },
  }),
  cohort: define({
    title: 'Retention by signup cohort',
    roles: ['admin'],
    containsMembers: false,
    params: z.strictObject({
      from: readQuerySchema.shape.from,
      to: readQuerySchema.shape.to,
      cohort: z.enum(cohortUnits).default('week'),
      unit: z.enum(cohortUnits).default('week'),
      mode: z.enum(retentionModes).default('classic'),
      units: z.coerce.number().int().min(0).max(366).default(12),
      ...cohortFilters,
    }),
    toPayload({ cohort, unit, mode, units: count, ...query }, { tenant }, principal) {
      if (mode === 'bracket')
        throw new ApiError(errors.VALIDATION_FAILED, {
          errors: [{ path: 'mode', message: 'bracket has one column only: read it from /cohorts' }],
        })
      if (mode === 'calendar' && unit === 'day')
        throw new ApiError(errors.VALIDATION_FAILED, {
          errors: [
            { path: 'unit', message: 'calendar counts weeks or months; classic days are calendar days already' },
          ],
        })
      if (unit === 'month' && (mode === 'classic' || mode === 'rolling'))
        throw new ApiError(errors.VALIDATION_FAILED, {
          errors: [{ path: 'unit', message: 'months have no fixed length: use mode=calendar, or unit=day or week' }],
        })
      const range = readRange(query, mode.startsWith('recurring') ? unit : cohort, tenant)
      const filters = readFilters(query, principal)
      return { type: 'cohort', ...resolved(range), cohort, unit, mode, units: count, filters }
    },
  }),
  churn_risk: define({
    title: 'Members by risk of falling silent, as last scored',
    roles: ['admin'],
    containsMembers: true,
    params: days.extend({ band: z.enum(bands).optional(), coach: z.string().min(1).max(128).optional() }),
    toPayload: ({ band, coach, ...query }, { tenant }) => ({
      type: 'churn_risk',
      ...readDays(query, tenant),
      band,
      coach,
    }),
  }),
  fact_productivity: define({
    title: 'One row per member and day',
    roles: ['admin'],
    containsMembers: true,
    params: days,
    toPayload: (query, { tenant }) => ({ type: 'fact_productivity', ...readDays(query, tenant) }),
  }),
  audit: define({
    title: 'The audit log',
    roles: ['admin'],
    // Paths and filters name members.
    containsMembers: true,
    params: days,
    toPayload: (query, { tenant }) => ({ type: 'audit', ...readDays(query, { ...tenant, timezone: 'UTC' }) }),
  }),
  member: define({
    title: 'Everything about one member, as JSON',
    roles: ['admin'],
    containsMembers: true,
    formats: ['json'],
    params: z.strictObject({ user_id: z.string().regex(userIdPattern) }),
    toPayload: ({ user_id }, { piiKey }) => ({
      type: 'member',
      user_id,
      member_hash: memberHash(erasureKeyOf(piiKey), user_id),
    }),
  }),
}

export const availableTypes = Object.keys(exportDefinitions) as [ExportType, ...ExportType[]]

const TABLES_AND_PAGES: readonly ExportFormat[] = ['csv', 'pdf', 'parquet']

/** The formats a type is made in. */
export const formatsOf = (definition: Pick<ExportDefinition, 'formats'>): readonly ExportFormat[] =>
  definition.formats ?? TABLES_AND_PAGES
