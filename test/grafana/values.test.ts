import { DateTime } from 'luxon'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { metrics } from '../../metrics/catalog.ts'
import { dimensionTitles, type Metric } from '../../metrics/metric.ts'
import { provisionedDashboards } from '../support/grafana-dashboards.ts'
import type { GrafanaLogin } from '../support/grafana-login.ts'
import { expand } from '../support/grafana-macros.ts'
import { choices, isOperations, type Row, run } from '../support/grafana-queries.ts'
import { type GrafanaTwin, openGrafanaTwin, range, timezone } from '../support/grafana-twin.ts'

const api = `from=${range.from.toISOString()}&to=${range.to.toISOString()}`
const dashboards = provisionedDashboards()
let twin: GrafanaTwin
let operator: GrafanaLogin
const get = <T>(path: string) => twin.platform.get<T>(twin.tenant, path)

beforeAll(async () => {
  twin = await openGrafanaTwin()
  operator = twin.operator
}, 400_000)
afterAll(() => twin?.close())

type Answer = {
  series: { key: Record<string, string>; points: { t: string; value: number | null; partial?: boolean }[] }[]
}
const dayOf = (time: unknown) => DateTime.fromISO(String(time)).setZone(timezone).toISODate()
const scale = (metric: Metric) => (metric.unit.kind === 'money' ? 100 : 1)

/** The API's points of a metric by day and group, in Grafana's units. */
async function apiPoints(
  metric: Metric,
  query: string,
  group: string | undefined,
): Promise<Map<string, number | null>> {
  const { status, body } = await get<Answer>(
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

test.each(dashboards.filter((d) => !isOperations(d)).map((d) => [d.json.title, d] as const))(
  '%s: metrics are the API’s numbers, by day, by group and filtered',
  async (_, { json, panels }) => {
    const chosen = await choices(operator, json.templating.list)
    let compared = 0
    for (const panel of panels)
      for (const { rawSql } of panel.targets) {
        if (!rawSql.includes('grafana.series(') || panel.type === 'heatmap' || panel.type === 'table') continue
        const { columns, rows } = await run(operator, rawSql, chosen)
        const grouped = columns.includes('metric')
        const linked = panel.fieldConfig.defaults.links?.[0]?.title.split(' ')[0]
        const metric = metrics.find(({ title, name }) => (grouped ? name === linked : title === columns[1]))
        if (!metric) throw new Error(`${panel.title}: no metric`)
        const group = grouped
          ? Object.entries(dimensionTitles).find(([, title]) => panel.title.endsWith(` by ${title.toLowerCase()}`))?.[0]
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
        if (rawSql.includes('not partial')) for (const key of expected.keys()) if (!found.has(key)) expected.delete(key)
        expectSame(found, expected, `${panel.title} ${metric.name}`)
        compared += 1
      }
    if (json.uid !== 'upcoach-churn-risk') expect(compared).toBeGreaterThan(4)
  },
  120_000,
)

describe('by granularity and filter', () => {
  const panelOf = (name: string) => {
    for (const { panels, json } of dashboards)
      for (const panel of panels)
        if (
          panel.type === 'timeseries' &&
          panel.targets.length === 1 &&
          panel.targets.every(({ rawSql }) => /granularity:/.test(rawSql) && !rawSql.includes('as metric')) &&
          panel.fieldConfig.defaults.links?.[0]?.title === `${name} in the API`
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
    const { body } = await get<{
      cards: {
        title: string
        unit: { kind: string }
        value: number | null
        previous: number | null
        change: number | null
        status: string | null
      }[]
    }>('/api/analytics/overview?granularity=week')
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
    const { body } = await get<{ cells: { weekday: number; hour: number; sessions: number }[] }>(
      `/api/analytics/engagement/heatmap?${api}`,
    )
    expect(rows.map(({ sessions }) => sessions)).toEqual(body.cells.map(({ sessions }) => sessions))
    expect(rows[0]).toMatchObject({ Day: 'Mon', hour: '00' })
  })

  test('the retention triangle and its curve', async () => {
    const triangle = find('cohorts-and-retention', 'Weekly retention by signup week')
    const curve = find('cohorts-and-retention', 'Retention curve')
    const chosen = await choices(operator, triangle.list)
    const { body } = await get<{
      cohorts: { cohort: string; size: number; cells: { n: number; rate: number | null }[] }[]
      pooled: { n: number; rate: number | null; size: number }[]
    }>(`/api/analytics/cohorts?${api}`)
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

  test('the coaches’ leaderboard', async () => {
    const { panel, list } = find('coaches', 'Coaches')
    const { rows } = await run(operator, panel.targets[0]?.rawSql ?? '', await choices(operator, list))
    const { body } = await get<{ coaches: Record<string, number | string | null>[] }>(`/api/analytics/coaches?${api}`)
    expect(body.coaches.length).toBe(3)
    const byName = (a: { Coach?: unknown }, b: { Coach?: unknown }) => String(a.Coach).localeCompare(String(b.Coach))
    expect([...rows].sort(byName)).toEqual(
      body.coaches
        .map((coach) => ({
          Coach: coach.name ?? coach.coach_id,
          Members: coach.members,
          'Active goals': coach.active_goals,
          'Completed goals': coach.completed_goals,
          'Goal completion': coach.goal_completion_rate,
          'Habit adherence': coach.habit_adherence_score,
          'Median response': coach.message_response_time,
          'AI satisfaction': coach.ai_session_satisfaction,
          Ratings: coach.ratings,
        }))
        .sort(byName),
    )
    expect(rows.some((row) => Number(row['Active goals']) > 0 && Number(row.Members) > 60)).toBe(true)
  })

  test('the coaches’ leaderboard of one plan', async () => {
    const { panel, list } = find('coaches', 'Coaches')
    const chosen = { ...(await choices(operator, list)), plan: ['basic'] }
    const { rows } = await run(operator, panel.targets[0]?.rawSql ?? '', chosen)
    const { body } = await get<{ coaches: { coach_id: string; name: string | null; members: number }[] }>(
      `/api/analytics/coaches?${api}&filter[plan]=basic`,
    )
    const members = new Map(body.coaches.map(({ coach_id, name, members }) => [name ?? coach_id, members]))
    expect(new Map(rows.map((row) => [row.Coach, row.Members]))).toEqual(members)
    expect([...members.values()].reduce((sum, n) => sum + n, 0)).toBeGreaterThan(90)
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
