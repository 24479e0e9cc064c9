import { DateTime } from 'luxon'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { scoreTenant } from '../../db/churn/score.ts'
import { storeWebhooks } from '../../db/revenue/webhooks.ts'
import { piiKey } from '../../db/secrets.ts'
import { loadSql } from '../../db/sql.ts'
import { type Tenant, withTenant } from '../../db/tenant.ts'
import { alertRules } from '../../metrics/alerts/catalog.ts'
import { metrics } from '../../metrics/catalog.ts'
import { dimensionTitles, type Metric } from '../../metrics/metric.ts'
import { stripeEventsOf } from '../../sources/revenue/periods.ts'
import { deliveryBody } from '../../sources/simulator/deliveries.ts'
import { createTwin } from '../../sources/simulator/twin.ts'
import {
  type DashboardJson,
  type PanelJson,
  provisionedAlertRules,
  provisionedDashboards,
  type VariableJson,
} from '../support/grafana-dashboards.ts'
import { type GrafanaLogin, openGrafanaLogin } from '../support/grafana-login.ts'
import { type Choice, expand } from '../support/grafana-macros.ts'
import { openPlatform, type Platform } from '../support/platform.ts'

type Row = Record<string, string | number | boolean | null>
interface Result {
  readonly columns: readonly string[]
  readonly rows: readonly Row[]
}

const timezone = 'America/St_Johns'
const now = DateTime.now().setZone(timezone)
const twin = createTwin({
  seed: 6,
  members: 12,
  coaches: 3,
  days: 60,
  endDate: now.minus({ days: 2 }).toISODate() ?? '',
  timezone,
})
/** As a browser sends it: the dashboard's 60 days up to this second. */
const range = { from: now.minus({ days: 62 }).toJSDate(), to: now.toJSDate() }
const api = `from=${range.from.toISOString()}&to=${range.to.toISOString()}`
/** Values that break out of anything that is not quoted. */
const NASTY = [`O'Brien`, `"; drop table x; --`, `\\`, '$metric$', `\${tenant}`, `') or true --`]

const dashboards = provisionedDashboards()
let platform: Platform
let tenant: Tenant
let operator: GrafanaLogin
let bound: GrafanaLogin

beforeAll(async () => {
  platform = await openPlatform()
  tenant = await platform.createTenant({ slug: 'twin', timezone, currency: 'USD' })
  await platform.createTenant({ slug: 'empty', timezone: 'Asia/Kathmandu', currency: 'JPY' })
  for (const delivery of twin.deliveries) {
    const { events, sent_at } = deliveryBody(delivery, Date.now())
    await platform.send(tenant, events, sent_at)
  }
  const paid = twin.subscriptions
    .filter(({ monthly_amount }) => monthly_amount > 0)
    .map(({ customer_id, start, end, monthly_amount, plan }) => ({
      customer: customer_id,
      start,
      end,
      amount: (monthly_amount / 100).toFixed(2),
      currency: 'usd',
      plan,
    }))
  const intake = { tenant, piiKey: await piiKey(platform.db.pool, platform.masterKey, tenant.id) }
  const stored = await storeWebhooks(platform.db.pool, intake, 'stripe', stripeEventsOf(paid))
  expect(stored.facts).toBeGreaterThan(0)
  await platform.settle()
  const last_day = now.minus({ days: 1 }).toISODate() ?? ''
  await scoreTenant(platform.db.pool, { tenant_id: tenant.id, last_day, scored_day: null, fitted_day: null })
  await platform.db.pool.query(`insert into analytics.deploys values (now() - interval '3 days', '1.2.3')`)
  await platform.db.pool.query(
    `insert into analytics.analytics_audit_log (at, tenant_id, actor, role, action, route, parameters, status, request_id)
     values (now() - interval '1 day', $1, 'retention', 'system', 'retention.dropped', '', '{"day": "2024-11-01"}', 200, '')`,
    [tenant.id],
  )
  operator = await openGrafanaLogin(platform.db, null)
  bound = await openGrafanaLogin(platform.db, tenant)
}, 400_000)
afterAll(async () => {
  await operator?.close()
  await bound?.close()
  await platform.close()
})

async function run(login: GrafanaLogin, sql: string, variables: Record<string, Choice>): Promise<Result> {
  const text = expand(sql, range, variables)
  try {
    const { fields, rows } = await login.pool.query<Row>(text)
    return { columns: fields.map(({ name }) => name), rows }
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n${text}`)
  }
}

/** Each variable's options, in order: a query may use the variables before it. */
async function choices(login: GrafanaLogin, variables: readonly VariableJson[]): Promise<Record<string, Choice>> {
  const chosen: Record<string, Choice> = {}
  for (const { name, type, query, includeAll, allValue } of variables) {
    if (type === 'textbox') chosen[name] = query
    else if (type === 'custom') chosen[name] = 'day'
    else {
      const { columns, rows } = await run(login, query, chosen)
      for (const column of columns) expect(['__text', '__value'], `${name}: ${column}`).toContain(column)
      const values = rows.map((row) => String(row.__value))
      chosen[name] = includeAll ? { all: values, allValue } : name === 'tenant' ? 'twin' : (values[0] ?? '')
    }
  }
  return chosen
}

/** What Grafana needs of a result: a time column and numbers, in long form one text column; or a table of plain values. */
function checkShape({ columns, rows }: Result, format: 'time_series' | 'table', where: string): void {
  expect(new Set(columns).size, where).toBe(columns.length)
  if (format === 'table') return
  expect(columns[0], where).toBe('time')
  const texts = columns.slice(1).filter((column) => column === 'metric')
  expect(columns.length - texts.length, where).toBeGreaterThanOrEqual(2)
  let last = ''
  for (const row of rows) {
    const time = String(row.time)
    expect(Number.isNaN(Date.parse(time)), where).toBe(false)
    expect(time >= last, `${where}: ascending`).toBe(true)
    last = time
    for (const column of columns.slice(1))
      if (column === 'metric') expect(typeof row[column], where).toBe('string')
      else expect(row[column] === null || Number.isFinite(Number(row[column])), `${where} ${column}`).toBe(true)
  }
}

type Answer = {
  series: { key: Record<string, string>; points: { t: string; value: number | null; partial?: boolean }[] }[]
}
const isOperations = ({ file }: DashboardJson) => file.includes('/operations/')
const dayOf = (time: unknown) => DateTime.fromISO(String(time)).setZone(timezone).toISODate()
const scale = (metric: Metric) => (metric.unit.kind === 'money' ? 100 : 1)

/** The API's points of a metric by day and group, in Grafana's units. */
async function apiPoints(
  metric: Metric,
  query: string,
  group: string | undefined,
): Promise<Map<string, number | null>> {
  const { status, body } = await platform.get<Answer>(
    tenant,
    `/api/analytics/metrics/${metric.name}?${api}&${query}${group ? `&group_by=${group}` : ''}`,
  )
  expect(status, metric.name).toBe(200)
  return new Map(
    body.series.flatMap(({ key, points }) =>
      points.map(({ t, value }): [string, number | null] => [
        `${t} ${Object.values(key)[0] || (group ? '(none)' : '')}`,
        value === null ? null : value / scale(metric),
      ]),
    ),
  )
}

function expectSame(
  found: ReadonlyMap<string, number | null>,
  expected: ReadonlyMap<string, number | null>,
  where: string,
) {
  expect([...found.keys()].sort(), where).toEqual([...expected.keys()].sort())
  for (const [key, value] of expected) {
    const own = found.get(key) ?? null
    if (value === null) expect(own, `${where} ${key}`).toBeNull()
    else expect(own, `${where} ${key}`).toBeCloseTo(value, 9)
  }
}

describe.each(dashboards.map((d) => [d.json.title, d] as const))('%s', (_, dashboard) => {
  const { json, panels } = dashboard
  const { list } = json.templating
  const each = async (
    login: GrafanaLogin,
    chosen: Record<string, Choice>,
    seen?: (p: PanelJson, r: Result) => void,
  ) => {
    for (const panel of panels)
      for (const { rawSql, format, refId } of panel.targets) {
        const result = await run(login, rawSql, chosen)
        checkShape(result, format, `${panel.title} ${refId}`)
        seen?.(panel, result)
      }
    for (const { name, target } of json.annotations.list) {
      const { columns, rows } = await run(login, target.rawSql, chosen)
      expect(columns, name).toEqual(['time', 'text', 'tags'])
      if (!isOperations(dashboard)) expect(rows.length, name).toBe(1)
    }
  }

  test('every query runs as the operators’ login; every panel is filled; overrides name columns that are there', async () => {
    const chosen = await choices(operator, list)
    const empty: string[] = []
    await each(operator, chosen, (panel, { columns, rows }) => {
      if (
        rows.length === 0 ||
        rows.every((row) => columns.every((column) => column === 'time' || row[column] === null))
      )
        empty.push(panel.title)
      if (panel.targets.length === 1)
        for (const { matcher } of panel.fieldConfig.overrides)
          if (matcher.id === 'byName') expect(columns, panel.title).toContain(matcher.options)
      for (const { id, options } of panel.transformations ?? [])
        if (id === 'groupingToMatrix')
          for (const field of ['columnField', 'rowField', 'valueField'] as const)
            expect(columns, panel.title).toContain((options as Record<string, string>)[field])
    })
    // nothing is rejected or pulled from sources in this platform, and nobody has stopped paying within two months
    expect(
      empty.filter(
        (title) =>
          !/^(Rejected per hour|Trial|Quick ratio|MRR growth|Lifetime value|Models|Alerts|Sources of)/.test(title),
      ),
    ).toEqual([])
  }, 120_000)

  // A dashboard of the platform has no tenant: tenants' logins do not open it, and it has no metric panels.
  test.skipIf(isOperations(dashboard))(
    'a bound login sees the same without choosing',
    async () => {
      const chosen = await choices(bound, list)
      await each(bound, { ...chosen, tenant: 'empty' }, (panel, { rows }) =>
        expect(rows.length > 0 || /Rejected|Trial|Models|Alerts/.test(panel.title), panel.title).toBe(true),
      )
    },
    120_000,
  )

  test('choices are values, whatever they hold', async () => {
    const chosen = await choices(operator, list)
    const nasty = Object.fromEntries(
      list.map(({ name, multi }) => [name, multi ? NASTY : (chosen[name] ?? '')]),
    ) as Record<string, Choice>
    await each(operator, nasty)
    const none = Object.fromEntries(list.map(({ name, multi }) => [name, multi ? [] : (chosen[name] ?? '')]))
    await each(operator, none as Record<string, Choice>)
    if (isOperations(dashboard)) return
    const sql = panels[0]?.targets[0]?.rawSql ?? ''
    await expect(run(operator, sql, { ...chosen, tenant: `x' or true --` })).rejects.toThrow(/no tenant x' or true/)
  }, 120_000)

  // A dashboard of the platform has no tenant: tenants' logins do not open it, and it has no metric panels.
  test.skipIf(isOperations(dashboard))(
    'metrics are the API’s numbers, by day, by group and filtered',
    async () => {
      const chosen = await choices(operator, list)
      let compared = 0
      for (const panel of panels)
        for (const { rawSql } of panel.targets) {
          if (!rawSql.includes('grafana.series(') || panel.type === 'heatmap' || panel.type === 'table') continue
          const { columns, rows } = await run(operator, rawSql, chosen)
          const grouped = columns.includes('metric')
          const linked = panel.fieldConfig.defaults.links?.[0]?.url?.split('metric=')[1]
          const metric = metrics.find(({ title, name }) => (grouped ? name === linked : title === columns[1]))
          if (!metric) throw new Error(`${panel.title}: no metric`)
          const group = grouped
            ? Object.entries(dimensionTitles).find(([, title]) =>
                panel.title.endsWith(` by ${title.toLowerCase()}`),
              )?.[0]
            : undefined
          expect(grouped === (group !== undefined), panel.title).toBe(true)
          const weekly = rawSql.includes(`$__timeTo(), 'week'`)
          const granularity = weekly ? 'week' : metric.granularities.includes('day') ? 'day' : metric.granularities[0]
          const found = new Map(
            rows.map((row) => [
              `${dayOf(row.time)} ${grouped ? row.metric : ''}`,
              row[grouped ? 'value' : metric.title] as number | null,
            ]),
          )
          const expected = await apiPoints(metric, `granularity=${granularity}`, group)
          // a stat leaves the running period out
          if (rawSql.includes('not partial'))
            for (const key of expected.keys()) if (!found.has(key)) expected.delete(key)
          expectSame(found, expected, `${panel.title} ${metric.name}`)
          compared += 1
        }
      if (json.uid !== 'upcoach-churn-risk') expect(compared).toBeGreaterThan(4)
    },
    120_000,
  )
})

describe('by granularity and filter', () => {
  const panelOf = (name: string) => {
    const url = `metric=${name}`
    for (const { panels, json } of dashboards)
      for (const panel of panels)
        if (
          panel.type === 'timeseries' &&
          panel.targets.length === 1 &&
          panel.targets.every(({ rawSql }) => /granularity:/.test(rawSql) && !rawSql.includes('as metric')) &&
          panel.fieldConfig.defaults.links?.[0]?.url?.endsWith(url)
        )
          return { sql: panel.targets[0]?.rawSql ?? '', list: json.templating.list }
    throw new Error(name)
  }

  test.each(['week', 'month', 'hour'])('%s: periods and values are the API’s', async (granularity) => {
    for (const name of ['active_minutes', 'sessions_per_user', 'stickiness', 'goal_completion_rate', 'net_mrr']) {
      const metric = metrics.find((m) => m.name === name) as Metric
      const { sql, list } = panelOf(name)
      const chosen = { ...(await choices(operator, list)), granularity }
      const { rows } = await run(operator, sql, chosen)
      const used = (metric.granularities as string[]).includes(granularity) ? granularity : 'day'
      const label = (time: unknown) => (used === 'hour' ? DateTime.fromISO(String(time)).toUTC().toISO() : dayOf(time))
      const expected = await apiPoints(metric, `granularity=${used}`, undefined)
      const keys = new Map(
        [...expected].map(([key, value]) => {
          const t = key.trim()
          return [used === 'hour' ? DateTime.fromISO(t).toUTC().toISO() : t, value]
        }),
      )
      const found = new Map(rows.map((row) => [label(row.time), row[metric.title] as number | null]))
      expect([...found.keys()], name).toEqual([...keys.keys()])
      for (const [t, value] of keys) {
        if (value === null) expect(found.get(t), `${name} ${t}`).toBeNull()
        else expect(found.get(t), `${name} ${t}`).toBeCloseTo(value, 9)
      }
      expect(found.size, name).toBeGreaterThan(1)
    }
  })

  test('one plan, two coaches', async () => {
    const { sql, list } = panelOf('active_minutes')
    const chosen = await choices(operator, list)
    const options = (name: string) => (chosen[name] as { all: string[] }).all
    const [plan = ''] = options('plan')
    const coaches = options('coach').slice(0, 2)
    const { rows } = await run(operator, sql, { ...chosen, plan: [plan], coach: coaches })
    const metric = metrics.find(({ name }) => name === 'active_minutes') as Metric
    const query = `granularity=day&filter[plan]=${encodeURIComponent(plan)}&filter[coach]=${coaches.map(encodeURIComponent).join(',')}`
    expectSame(
      new Map(rows.map((row) => [`${dayOf(row.time)} `, row[metric.title] as number | null])),
      await apiPoints(metric, query, undefined),
      plan,
    )
    expect(rows.some((row) => Number(row[metric.title]) > 0)).toBe(true)
  })

  test('a range of too many points says what to do', async () => {
    const { sql, list } = panelOf('active_minutes')
    const chosen = await choices(operator, list)
    const wide = expand(sql, { from: new Date('2020-01-01'), to: range.to }, { ...chosen, granularity: 'hour' })
    await expect(operator.pool.query(wide)).rejects.toThrow(/2000 points/)
  })
})

describe('tables', () => {
  const find = (dashboard: string, title: string) => {
    const found = dashboards.find(({ json }) => json.uid === `upcoach-${dashboard}`)
    const panel = found?.panels.find((p) => p.title === title)
    if (!found || !panel) throw new Error(`${dashboard}: ${title}`)
    return { panel, list: found.json.templating.list }
  }

  test('targets: value, change and status are those of the API’s cards', async () => {
    const { panel, list } = find('executive-overview', 'Against targets')
    const chosen = { ...(await choices(operator, list)), granularity: 'week' }
    const { body } = await platform.get<{
      cards: {
        title: string
        unit: { kind: string }
        value: number | null
        previous: number | null
        change: number | null
        status: string | null
      }[]
    }>(tenant, '/api/analytics/overview?granularity=week')
    const rows = new Map<string, Row>()
    for (const { rawSql } of panel.targets) {
      const [row] = (await run(operator, rawSql, chosen)).rows
      if (row) rows.set(String(row.Metric), row)
    }
    expect(body.cards.length).toBe(18)
    for (const { title, unit, value, previous, change, status } of body.cards) {
      const row = rows.get(title)
      const factor = unit.kind === 'money' ? 100 : 1
      for (const [column, expected] of [
        ['Value', value === null ? null : value / factor],
        ['Before', previous === null ? null : previous / factor],
        ['Change', change],
      ] as const)
        if (expected === null) expect(row?.[column], `${title} ${column}`).toBeNull()
        else expect(row?.[column], `${title} ${column}`).toBeCloseTo(expected, 9)
      expect(row?.Status ?? null, title).toBe(status?.replace('_', ' ') ?? null)
    }
  })

  test('the heat map', async () => {
    const { panel, list } = find('engagement-pulse', 'Sessions by weekday and hour')
    const { rows } = await run(operator, panel.targets[0]?.rawSql ?? '', await choices(operator, list))
    const { body } = await platform.get<{ cells: { weekday: number; hour: number; sessions: number }[] }>(
      tenant,
      `/api/analytics/engagement/heatmap?${api}`,
    )
    expect(rows.map(({ sessions }) => sessions)).toEqual(body.cells.map(({ sessions }) => sessions))
    expect(rows[0]).toMatchObject({ Day: 'Mon', hour: '00' })
  })

  test('the retention triangle and its curve', async () => {
    const triangle = find('cohorts-and-retention', 'Weekly retention by signup week')
    const curve = find('cohorts-and-retention', 'Retention curve')
    const chosen = await choices(operator, triangle.list)
    const { body } = await platform.get<{
      cohorts: { cohort: string; size: number; cells: { n: number; rate: number | null }[] }[]
      pooled: { n: number; rate: number | null; size: number }[]
    }>(tenant, `/api/analytics/cohorts?${api}`)
    const cells = (await run(operator, triangle.panel.targets[0]?.rawSql ?? '', chosen)).rows
    expect(cells).toEqual(
      body.cohorts.flatMap(({ cohort, size, cells }) =>
        cells
          .filter(({ rate }) => rate !== null)
          .map(({ n, rate }) => ({ Cohort: `${cohort} (${size})`, week: `W${n}`, retained: rate })),
      ),
    )
    const pooled = (await run(operator, curve.panel.targets[0]?.rawSql ?? '', chosen)).rows
    expect(pooled).toEqual(
      body.pooled
        .filter(({ rate }) => rate !== null)
        .map(({ n, rate, size }) => ({ Week: n, Retention: rate, Members: size })),
    )
  })

  test('movements of MRR add up, in the tenant’s currency', async () => {
    const { panel, list } = find('revenue', `MRR movements (\${currency})`)
    const chosen = await choices(operator, list)
    expect(chosen.currency).toBe('USD')
    const { rows } = await run(operator, panel.targets[0]?.rawSql ?? '', { ...chosen, granularity: 'month' })
    const net = await apiPoints(
      metrics.find(({ name }) => name === 'net_new_mrr') as Metric,
      'granularity=month',
      undefined,
    )
    const sums = rows.map((row) =>
      ['New', 'Reactivation', 'Expansion', 'Contraction', 'Churn'].reduce((sum, name) => sum + Number(row[name]), 0),
    )
    const expected = [...net.values()]
    expect(sums.length).toBe(expected.length)
    sums.forEach((sum, i) => {
      expect(sum).toBeCloseTo(Number(expected[i]), 2)
    })
    expect(sums.some((sum) => sum > 0)).toBe(true)
  })
})

describe('alert rules', () => {
  const queries = new Map(provisionedAlertRules().map(({ labels, data }) => [labels.rule, data[0]?.model.rawSql ?? '']))

  test.each(alertRules.map((rule) => [rule.name, rule] as const))(
    '%s: a row per tenant, above the threshold by what the platform itself finds',
    async (name, rule) => {
      const { columns, rows } = await run(operator, queries.get(name) ?? '', {})
      expect(columns).toEqual(['time', 'tenant', ...rule.labels, 'value'])
      for (const row of rows) {
        expect(['twin', 'empty']).toContain(row.tenant)
        expect(Number.isFinite(row.value)).toBe(true)
      }
      const at = new Date()
      const own = await withTenant(platform.db.pool, tenant.id, (client) =>
        client.query<Row>(
          loadSql(rule.sql).bind({
            now: at.toISOString(),
            from_at: new Date(at.getTime() - rule.windowSeconds * 1000).toISOString(),
          }),
        ),
      )
      const found = rows.filter((row) => row.tenant === 'twin').map(({ value }) => Number(value))
      expect(found.length).toBe(own.rows.length)
      own.rows.forEach((row, i) => {
        expect(found[i]).toBeCloseTo(Number(row.value) - rule.threshold, 1)
      })
    },
  )

  test('follow a tenant’s own threshold, and leave out a tenant that has switched the rule off', async () => {
    const sql = queries.get('chat_sla_breach') ?? ''
    const set = (value: string) =>
      platform.db.pool.query(
        `update analytics.tenants set settings = jsonb_set(settings, '{alerts.chat_sla_breach}', $2) where id = $1`,
        [tenant.id, value],
      )
    const value = async () => (await run(operator, sql, {})).rows.find((row) => row.tenant === 'twin')?.value
    const before = Number(await value())
    await set('-3')
    expect(await value()).toBe(before + 3)
    await set('false')
    expect(await value()).toBeUndefined()
    await platform.db.pool.query(`update analytics.tenants set settings = settings - 'alerts.chat_sla_breach'`)
  })

  test('a bound login evaluates its own tenant only', async () => {
    for (const sql of queries.values())
      for (const row of (await run(bound, sql, {})).rows) expect(row.tenant).toBe('twin')
  })
})
