import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { DateTime } from 'luxon'
import type pg from 'pg'
import { z } from 'zod'
import { readCards } from '../../../db/cards.ts'
import { type PeriodRange, periodKey, periodLabel, periodRange, previousRange } from '../../../db/period.ts'
import { metricParameters, readMetric } from '../../../db/reader.ts'
import { revenuePolicyVersion } from '../../../db/revenue/policy.ts'
import { loadSql } from '../../../db/sql.ts'
import { type Tenant, withTenant } from '../../../db/tenant.ts'
import { findMetric } from '../../../metrics/catalog.ts'
import { dampedForecast } from '../../../metrics/forecast.ts'
import { cuttable, type Dimension, type Metric } from '../../../metrics/metric.ts'
import { netMrr } from '../../../metrics/net-mrr.ts'
import {
  revenueBridgeSql,
  revenueExchangeSql,
  revenueMovementsSql,
  revenuePlansSql,
} from '../../../metrics/relations.ts'
import { type MovementType, movementTypes } from '../../../sources/revenue/movements.ts'
import { ApiError, errors } from '../../errors.ts'
import { type Bridge, kpisAnswerSchema, movementsAnswerSchema, revenueAnswerSchema } from '../../schemas/revenue.ts'
import { describeMetric, describeUnit, policyOf } from './describe.ts'
import { freshUntil } from './freshness.ts'
import type { AnalyticsOptions } from './options.ts'
import { describeRange } from './range.ts'
import { moneyFilterParameters, readFilters, readMetricQuery, readQuerySchema, readRange } from './read-query.ts'

const roles = ['admin', 'finance'] as const
const named = (names: readonly string[]): Metric[] =>
  names.map((name) => {
    const metric = findMetric(name)
    if (!metric) throw new Error(`a revenue route names the unknown metric ${name}`)
    return metric
  })

export const revenueCardMetrics = named([
  'net_mrr',
  'net_new_mrr',
  'arr',
  'mrr_quarterly_growth',
  'paying_customers',
  'arpu',
  'subscriber_churn_rate',
  'gross_mrr_churn_rate',
  'net_mrr_churn_rate',
  'quick_ratio',
  'ltv',
  'trial_conversion_rate',
  'one_time_revenue',
  'mrr_ledger_residual',
])
export const revenueSeriesMetrics = named([
  'net_mrr',
  'new_mrr',
  'reactivation_mrr',
  'expansion_mrr',
  'contraction_mrr',
  'churn_mrr',
  'mrr_fx_adjustment',
  'arr',
  'arpu',
  'paying_customers',
  'subscriber_churn_rate',
  'gross_mrr_churn_rate',
  'net_mrr_churn_rate',
])

const STALE_DAYS = 7
const FORECAST_MONTHS = 6
const HISTORY_MONTHS = 24
const PAGE = 500

const granularity = z.enum(['day', 'week', 'month'])
type Filters = Partial<Record<Dimension, string[]>>

/** Money for finance and admins: cards, the bridge, plans, a forecast, and the ledger rows behind every figure. */
export const revenueRoutes: FastifyPluginAsyncZod<AnalyticsOptions> = async (app, { contextOf }) => {
  const { pool } = app.deps.database

  app.get(
    '/revenue/kpis',
    {
      config: { roles, heavyRead: true, audit: 'revenue.read' },
      schema: {
        tags: ['revenue'],
        summary: 'Revenue KPI cards and movements',
        querystring: z.strictObject({ granularity: granularity.default('month'), ...moneyFilterParameters }),
        response: { 200: kpisAnswerSchema },
      },
    },
    async (request, reply) => {
      const { principal, query } = request
      const { granularity } = query
      const { tenant } = await contextOf(principal.tenantId)
      const filters = readFilters(query, principal)
      return reply.sendCached({
        key: { granularity, filters },
        sources: ['kpi'],
        ttlSeconds: 60,
        produce: () =>
          withTenant(pool, tenant.id, async (client) => {
            const now = DateTime.utc()
            const cards = await readCards(client, revenueCardMetrics, tenant, { granularity, filters, now })
            const local = now.setZone(tenant.timezone)
            const from = local.minus({ [granularity]: 1 }).toISO() ?? ''
            const range = periodRange(from, local.plus({ second: 1 }).toISO() ?? '', granularity, tenant.timezone)
            const issues = await client.query<{ count: number }>('select count(*) from revenue_issues')
            return {
              cards,
              movements: await readBridge(client, range, filters, now),
              unit: describeUnit(netMrr, tenant),
              granularity,
              timezone: tenant.timezone,
              exchange: await readExchange(client, tenant, now),
              open_issues: issues.rows[0]?.count ?? 0,
              fresh_until: await freshUntil(client),
              policy_version: revenuePolicyVersion(tenant),
            }
          }),
      })
    },
  )

  app.get(
    '/revenue',
    {
      config: { roles, heavyRead: true, audit: 'revenue.read', errors: [errors.UNKNOWN_DIMENSION] },
      schema: {
        tags: ['revenue'],
        summary: 'MRR and its movements over time, by plan, and the ARR forecast',
        querystring: z.strictObject({
          from: readQuerySchema.shape.from,
          to: readQuerySchema.shape.to,
          granularity: granularity.default('month'),
          group_by: readQuerySchema.shape.group_by,
          compare: readQuerySchema.shape.compare,
          ...moneyFilterParameters,
        }),
        response: { 200: revenueAnswerSchema },
      },
    },
    async (request, reply) => {
      const { principal, query } = request
      const { tenant } = await contextOf(principal.tenantId)
      const read = readMetricQuery(query, netMrr, tenant, principal)
      return reply.sendCached({
        key: { range: describeRange(read.range), groupBy: read.groupBy, filters: read.filters, compare: query.compare },
        sources: ['kpi'],
        ttlSeconds: 60,
        produce: () =>
          withTenant(pool, tenant.id, async (client) => {
            const now = DateTime.utc()
            const fresh_until = await freshUntil(client)
            const metrics = []
            const asked = [...(read.groupBy ? [read.groupBy] : []), ...Object.keys(read.filters)]
            for (const metric of cuttable(revenueSeriesMetrics, asked))
              metrics.push({
                metric: describeMetric(metric, tenant),
                range: describeRange(read.range),
                fresh_until,
                ...policyOf(metric, tenant),
                series: await readMetric(client, metric, read, now),
                ...(query.compare
                  ? { previous: await readMetric(client, metric, { ...read, range: previousRange(read.range) }, now) }
                  : {}),
              })
            return {
              range: describeRange(read.range),
              unit: describeUnit(netMrr, tenant),
              metrics,
              bridge: await readBridge(client, read.range, read.filters, now),
              plans: await readPlans(client, read.range, read.filters, now),
              arr_forecast: await forecastArr(client, tenant, read.filters, now),
              exchange: await readExchange(client, tenant, now),
              fresh_until,
              policy_version: revenuePolicyVersion(tenant),
            }
          }),
      })
    },
  )

  app.get(
    '/revenue/movements',
    {
      config: { roles, heavyRead: true, audit: 'revenue.movements.read' },
      schema: {
        tags: ['revenue'],
        summary: 'Explain a number: the ledger rows behind a movement',
        querystring: z.strictObject({
          date: z.string().max(40).describe('Any day of the period, in the tenant’s calendar.'),
          granularity: granularity.default('day'),
          type: z.enum(movementTypes).optional().describe('Without it: all rows, signed; their sum is net new MRR.'),
          cursor: z.string().max(800).optional(),
          ...moneyFilterParameters,
        }),
        response: { 200: movementsAnswerSchema },
      },
    },
    async (request) => {
      const { principal, query } = request
      const { date, type, cursor } = query
      const { tenant } = await contextOf(principal.tenantId)
      const day = DateTime.fromISO(date, { zone: tenant.timezone })
      const range = readRange({ from: date, to: day.plus({ days: 1 }).toISODate() ?? date }, query.granularity, tenant)
      const after = readCursor(cursor)
      return withTenant(pool, tenant.id, async (client) => {
        const { rows } = await client.query<MovementRow>(
          loadSql(revenueMovementsSql).bind({
            ...metricParameters({ range, filters: readFilters(query, principal) }, DateTime.utc()),
            type: type ?? null,
            after_at: after?.[0] ?? null,
            after_customer: after?.[1] ?? null,
            after_currency: after?.[2] ?? null,
            after_subscription: after?.[3] ?? null,
            after_plan: after?.[4] ?? null,
            limit: PAGE,
          }),
        )
        const [first] = rows
        const movements = rows.filter((row) => row.at !== null)
        const last = movements.length === PAGE ? movements.at(-1) : undefined
        return {
          range: describeRange(range),
          type: type ?? null,
          unit: describeUnit(netMrr, tenant),
          total: first?.total ?? null,
          rows: first?.rows ?? 0,
          movements,
          next_cursor: last ? writeCursor([last.at, last.customer, last.currency, last.subscription, last.plan]) : null,
          fresh_until: await freshUntil(client),
          policy_version: revenuePolicyVersion(tenant),
        }
      })
    },
  )
}

type MovementRow = {
  at: string
  day: string
  customer: string
  type: MovementType
  currency: string
  own_amount: number
  fx_factor: number | null
  amount: number | null
  subscription: string
  plan: string
  provider: string
  reason: string | null
  provider_event_ids: string[]
  rows: number
  total: number | null
}

const cursorSchema = z.tuple([z.iso.datetime(), z.string(), z.string(), z.string(), z.string()])
type Cursor = z.infer<typeof cursorSchema>

const writeCursor = (position: Cursor): string => Buffer.from(JSON.stringify(position)).toString('base64url')

function readCursor(text: string | undefined): Cursor | undefined {
  if (text === undefined) return undefined
  try {
    return cursorSchema.parse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')))
  } catch (cause) {
    throw new ApiError(errors.VALIDATION_FAILED, {
      errors: [{ path: 'cursor', message: 'is not one this route gave' }],
      cause,
    })
  }
}

type BridgeRow = { t: string } & Record<(typeof amounts)[number], number | null>
const amounts = ['start', 'new', 'reactivation', 'expansion', 'contraction', 'churn', 'fx', 'end'] as const

async function readBridge(
  client: pg.ClientBase,
  range: PeriodRange,
  filters: Filters,
  now: DateTime,
): Promise<Bridge[]> {
  const { rows } = await client.query<BridgeRow>(
    loadSql(revenueBridgeSql).bind(metricParameters({ range, filters }, now)),
  )
  const byPeriod = new Map(rows.map((row) => [row.t, row]))
  return range.periods
    .filter((at) => at <= now)
    .map((at) => {
      const empty = { start: 0, new: 0, reactivation: 0, expansion: 0, contraction: 0, churn: 0, fx: 0, end: 0 }
      const { t: _, ...row } = { t: '', ...(byPeriod.get(periodKey(at, range.granularity)) ?? empty) }
      const { start, new: added, reactivation, expansion, contraction, churn, fx, end } = row
      const isKnown = end !== null && start !== null
      const sum =
        Number(start) + Number(added) + Number(reactivation) + Number(expansion) - Number(contraction) - Number(churn)
      return {
        t: periodLabel(at, range.granularity),
        ...(at.plus({ [range.granularity]: 1 }) > now ? { partial: true } : {}),
        ...row,
        rounding: isKnown ? end - sum - Number(fx) : null,
      }
    })
}

async function readPlans(client: pg.ClientBase, range: PeriodRange, filters: Filters, now: DateTime) {
  const { rows } = await client.query<{ plan: string; name: string; mrr: number | null }>(
    loadSql(revenuePlansSql).bind(metricParameters({ range, filters }, now)),
  )
  const total = rows.reduce((sum, { mrr }) => sum + (mrr ?? 0), 0)
  const isKnown = total > 0 && rows.every(({ mrr }) => mrr !== null)
  return rows.map((row) => ({ ...row, share: isKnown && row.mrr !== null ? row.mrr / total : null }))
}

async function readExchange(client: pg.ClientBase, tenant: Tenant, now: DateTime) {
  const today = now.setZone(tenant.timezone).toISODate() ?? ''
  const { rows } = await client.query<{ currency: string; rate_day: string | null; missing: boolean }>(
    loadSql(revenueExchangeSql).bind({ today }),
  )
  const staleBefore = now.minus({ days: STALE_DAYS }).toISODate() ?? ''
  return rows.map((row) => ({ ...row, stale: row.rate_day === null || row.rate_day < staleBefore }))
}

/** From month-end MRR of whole months; the month in which MRR began counts as the first. */
async function forecastArr(client: pg.ClientBase, tenant: Tenant, filters: Filters, now: DateTime) {
  const month = now.setZone(tenant.timezone).startOf('month')
  const range = periodRange(
    month.minus({ months: HISTORY_MONTHS }).toISODate() ?? '',
    month.toISODate() ?? '',
    'month',
    tenant.timezone,
  )
  const [series] = await readMetric(client, netMrr, { range, filters }, now)
  const values = (series?.points ?? []).map(({ value }) => value)
  const first = values.findIndex((value) => value !== 0)
  const history = first < 0 ? [] : values.slice(first)
  const known = history.filter((value) => value !== null)
  const points = known.length === history.length ? dampedForecast(known, FORECAST_MONTHS) : undefined
  if (points === undefined) {
    const reason =
      known.length < history.length ? 'an exchange rate is unknown' : 'fewer than 3 whole months of history'
    return { available: false, reason, months: [] }
  }
  const inYear = (mrr: number): number => Math.round(12 * Math.max(0, mrr))
  const months = points.map(({ value, low, high }, index) => ({
    t: periodLabel(month.plus({ months: index }), 'month'),
    value: inYear(value),
    low: inYear(low),
    high: inYear(high),
  }))
  return { available: true, reason: null, months }
}
