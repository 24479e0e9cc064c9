import { parse } from 'csv-parse/sync'
import { DateTime } from 'luxon'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { importRates } from '../../db/fx.ts'
import { periodRange } from '../../db/period.ts'
import { metricParameters } from '../../db/reader.ts'
import { storeWebhooks } from '../../db/revenue/webhooks.ts'
import { piiKey } from '../../db/secrets.ts'
import { loadSql } from '../../db/sql.ts'
import type { Tenant } from '../../db/tenant.ts'
import { metrics } from '../../metrics/catalog.ts'
import { dimensionTitles, granularities, type Metric } from '../../metrics/metric.ts'
import { type PeriodRow, stripeEventsOf } from '../../sources/revenue/periods.ts'
import { busyTenant } from '../support/busy-tenant.ts'
import { openPlatform, type Platform } from '../support/platform.ts'

const DAY = 86_400_000
const now = Date.now()

interface Point {
  t: string
  value: number | null
  numerator?: number | null
  denominator?: number | null
  partial?: boolean
}
interface Answer {
  metric: { name: string; definition: string; unit: { kind: string } }
  range: { from: string; to: string; granularity: string }
  series: { key: Record<string, string>; points: Point[] }[]
  previous?: { points: Point[] }[]
}

let platform: Platform
let tenant: Tenant
beforeAll(async () => {
  platform = await openPlatform()
  tenant = await platform.createTenant({ slug: 'busy', timezone: 'America/St_Johns' })
  await platform.send(tenant, busyTenant({ end: now, mark: 'x' }))
  await bill(tenant)
  await platform.settle()
  await platform.score(tenant)
}, 180_000)
afterAll(() => platform.close())

/** Subscriptions of two plans, two currencies and a quarter and more, and a purchase; from Stripe. */
async function bill(of: Tenant): Promise<void> {
  const row = (customer: string, start: number, end: number | null, amount: string, more: Partial<PeriodRow> = {}) => ({
    customer,
    start: day(start),
    end: end === null ? null : day(end),
    amount,
    currency: 'usd',
    plan: 'pro',
    ...more,
  })
  const rows = [
    row('member-1', 200, null, '30.00'),
    row('member-2', 90, 40, '50.00', { plan: 'plus' }),
    row('member-2', 40, 20, '80.00'),
    row('member-2', 20, 12, '60.00'),
    row('member-3', 60, 45, '30.00', { currency: 'eur' }),
    row('member-3', 30, null, '30.00', { currency: 'eur' }),
    row('member-4', 35, null, '10.00', { plan: 'plus' }),
  ]
  const purchase = {
    id: 'evt_charge',
    object: 'event',
    type: 'charge.succeeded',
    created: Math.floor((now - 30 * DAY) / 1000),
    data: { object: { id: 'ch_1', object: 'charge', amount: 999, currency: 'usd', customer: 'cus_x', invoice: null } },
  }
  await importRates(platform.db.pool, [{ currency: 'usd', day: day(250), rate: '1.25' }])
  const intake = { tenant: of, piiKey: await piiKey(platform.db.pool, platform.masterKey, of.id) }
  const stored = await storeWebhooks(platform.db.pool, intake, 'stripe', [...stripeEventsOf(rows), purchase])
  expect(stored).toMatchObject({ rejected: 0, ignored: 0 })
}

const day = (ago: number): string => new Date(now - ago * DAY).toISOString().slice(0, 10)
/** Whole weeks of the log for most; three days by hours. */
const rangeOf = (granularity: string): string =>
  granularity === 'hour' ? `from=${day(6)}&to=${day(3)}` : `from=${day(66)}&to=${day(2)}`
const pathOf = (metric: Metric, granularity: string, more = ''): string =>
  `/api/analytics/metrics/${metric.name}?${rangeOf(granularity)}&granularity=${granularity}${more}`

async function read(path: string): Promise<Answer> {
  const answer = await platform.get<Answer>(tenant, path)
  expect(answer.status, `${path}: ${answer.text}`).toBe(200)
  return answer.body
}

/** Sums of fractions come in any order: equal up to the last digits of a double. */
const rounded = (points: readonly Point[] | undefined): Point[] =>
  JSON.parse(JSON.stringify(points ?? []), (_, value) =>
    typeof value === 'number' ? Number(value.toPrecision(12)) : value,
  )

/** Sums over all groups, by period: of numerators and denominators where there are any, else of values. */
function totals(series: Answer['series']): Record<string, number[]> {
  const sums: Record<string, [number, number]> = {}
  for (const { points } of series)
    for (const { t, value, numerator, denominator } of points) {
      const sum = sums[t] ?? [0, 0]
      sums[t] = sum
      const isRatio = denominator !== undefined || numerator !== undefined
      sum[0] += (isRatio ? numerator : value) ?? 0
      sum[1] += denominator ?? 0
    }
  return Object.fromEntries(Object.entries(sums).map(([t, sum]) => [t, sum.map((x) => Math.round(x * 1e6) / 1e6)]))
}

describe('the catalogue', () => {
  test('gives every metric its own name, title and definition', () => {
    for (const property of ['name', 'title', 'definition'] as const) {
      const values = metrics.map((metric) => metric[property])
      expect(new Set(values).size, property).toBe(metrics.length)
    }
    for (const { name, definition } of metrics) {
      expect.soft(name).toMatch(/^[a-z][a-z0-9_]{1,62}$/)
      expect.soft(definition, name).toMatch(/^[A-Z0-9(].{40,}[.%]$/s)
    }
  })

  test('uses known granularities and dimensions, finest first', () => {
    for (const { name, granularities: offered, dimensions } of metrics) {
      expect.soft(offered, name).toEqual(granularities.filter((one) => offered.includes(one)))
      for (const dimension of dimensions) expect.soft(Object.keys(dimensionTitles), name).toContain(dimension)
      expect.soft(new Set(dimensions).size, name).toBe(dimensions.length)
    }
  })

  test('has SQL with known parameters only, which reads views of the tenant alone', () => {
    const range = periodRange(day(3), day(2), 'day', 'UTC')
    const known = Object.keys(metricParameters({ range }, DateTime.utc()))
    for (const { name, sql } of metrics) {
      const statement = loadSql(sql)
      expect.soft(known, name).toEqual(expect.arrayContaining([...statement.parameters]))
      expect.soft(statement.source, `${name}: schemas`).not.toMatch(/\b(analytics|tenant|_timescaledb_internal)\./)
    }
  })

  test('is what the API lists, by role', async () => {
    for (const role of ['admin', 'coach', 'finance'] as const) {
      const answer = await platform.get<{ metrics: { name: string }[] }>(tenant, '/api/analytics/metrics', role)
      const readable = metrics.filter(({ roles }) => role === 'admin' || roles.includes(role))
      expect(answer.body.metrics.map(({ name }) => name)).toEqual(readable.map(({ name }) => name))
      for (const metric of metrics) {
        if (readable.includes(metric)) continue
        const refused = await platform.get(tenant, `/api/analytics/metrics/${metric.name}`, role)
        expect(refused.status, `${metric.name} as ${role}`).toBe(403)
      }
    }
    expect((await platform.get(tenant, '/api/analytics/metrics/no_such_metric')).status).toBe(404)
  })

  test('is in the OpenAPI document', async () => {
    const document = (await platform.app.inject('/documentation/json')).body
    for (const { name } of metrics) expect.soft(document, name).toContain(name)
  })
})

describe.each(metrics.map((metric) => [metric.name, metric] as const))('%s', (_, metric) => {
  const coarsest = metric.granularities.at(-1) ?? 'day'

  test('answers for every granularity, and has something to say', async () => {
    for (const granularity of metric.granularities) {
      const { metric: described, range, series } = await read(pathOf(metric, granularity))
      expect(described).toMatchObject({ name: metric.name, definition: metric.definition })
      expect(range.granularity).toBe(granularity)
      expect(series).toHaveLength(1)
      const points = series[0]?.points ?? []
      expect(points.length).toBeGreaterThan(0)
      expect(points.map(({ t }) => t)).toEqual([...new Set(points.map(({ t }) => t))].sort())
      // Nobody was on trial.
      if (granularity === coarsest && metric.name !== 'trial_conversion_rate')
        expect(points.some(({ value }) => value !== null)).toBe(true)
      for (const { value, numerator, denominator } of points) {
        if (metric.empty === 'zero') expect(value).not.toBeNull()
        if (typeof numerator !== 'number' || typeof denominator !== 'number') continue
        expect(value).toBe(denominator === 0 ? null : numerator / denominator)
      }
    }
  })

  test('a period that is not offered is refused with what is', async () => {
    for (const granularity of granularities) {
      if (metric.granularities.includes(granularity)) continue
      const answer = await platform.get<{ errors: unknown[] }>(tenant, pathOf(metric, granularity))
      expect(answer.status).toBe(400)
      expect(JSON.stringify(answer.body.errors)).toContain(metric.granularities.join(', '))
    }
  })

  test('groups add up to the whole, where the metric says so; a filter gives its group', async () => {
    for (const granularity of new Set([metric.granularities[0] ?? 'day', coarsest])) {
      const whole = await read(pathOf(metric, granularity))
      for (const dimension of metric.dimensions) {
        const grouped = await read(pathOf(metric, granularity, `&group_by=${dimension}`))
        const keys = grouped.series.map(({ key }) => key[dimension])
        expect(new Set(keys).size, dimension).toBe(keys.length)
        // Weeks after signing up are cells, not parts of a whole.
        if (metric.additive && dimension !== 'week')
          expect(totals(grouped.series), `${granularity} by ${dimension}`).toEqual(
            grouped.series.length > 0 ? totals(whole.series) : {},
          )
        if (granularity !== coarsest) continue
        const some = grouped.series.at(-1)
        const value = some?.key[dimension]
        if (!some || !value) continue
        const filtered = await read(pathOf(metric, granularity, `&filter[${dimension}]=${encodeURIComponent(value)}`))
        expect(rounded(filtered.series[0]?.points), `filter ${dimension}=${value}`).toEqual(rounded(some.points))
        const nobody = await read(pathOf(metric, granularity, `&filter[${dimension}]=no-such-value`))
        expect(nobody.series.flatMap(({ points }) => points.filter((point) => point.value))).toEqual([])
      }
    }
  })

  test('a dimension it does not have is refused with those it has', async () => {
    for (const query of [
      '&group_by=shoe_size',
      '&group_by=constructor',
      `&filter[${metric.dimensions.includes('week') ? 'persona' : 'week'}]=1`,
    ]) {
      const answer = await platform.get<{ code: string; errors: { message: string }[] }>(
        tenant,
        pathOf(metric, coarsest, query),
      )
      expect(answer.status, query).toBe(400)
      expect(answer.body.code).toBe('unknown_dimension')
      expect(answer.body.errors[0]?.message).toContain(metric.dimensions.join(', ') || 'none')
    }
    expect((await platform.get(tenant, pathOf(metric, coarsest, '&filter[shoe_size]=1'))).status).toBe(400)
  })

  test('CSV says the same as JSON; ETags spare the body; compare adds the previous period', async () => {
    const [dimension] = metric.dimensions
    const path = pathOf(metric, coarsest, dimension ? `&group_by=${dimension}` : '')
    const json = await read(path)
    const csv = await platform.get<string>(tenant, path, 'admin', { headers: { accept: 'text/csv' } })
    expect(csv.status).toBe(200)
    expect(csv.headers['content-type']).toContain('text/csv')
    const rows = parse(csv.text, { columns: true }) as Record<string, string>[]
    const text = (value: unknown): string => (value === null || value === undefined ? '' : String(value))
    expect(rows).toEqual(
      json.series.flatMap(({ key, points }) =>
        points.map((point) => ({
          ...(dimension ? { [dimension]: text(key[dimension]) } : {}),
          t: point.t,
          value: text(point.value),
          numerator: text(point.numerator),
          denominator: text(point.denominator),
          partial: String(point.partial ?? false),
        })),
      ),
    )
    const first = await platform.get(tenant, path)
    const etag = String(first.headers.etag)
    const again = await platform.get(tenant, path, 'admin', { headers: { 'if-none-match': etag } })
    expect([again.status, again.text]).toEqual([304, ''])
    expect(csv.headers.etag).not.toBe(etag)

    const short = `/api/analytics/metrics/${metric.name}?from=${day(30)}&to=${day(16)}&granularity=${coarsest}`
    const compared = await read(`${short}&compare=previous_period`)
    expect(compared.previous?.[0]?.points.length).toBe(compared.series[0]?.points.length)
    const last = compared.previous?.[0]?.points.at(-1)?.t ?? ''
    expect(last < (compared.series[0]?.points[0]?.t ?? '')).toBe(true)
  })
})
