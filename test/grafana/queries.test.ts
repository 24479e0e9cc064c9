import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadSql } from '../../db/sql.ts'
import { withTenant } from '../../db/tenant.ts'
import { alertRules } from '../../metrics/alerts/catalog.ts'
import { thresholdOf } from '../../metrics/alerts/settings.ts'
import { provisionedAlertRules, provisionedDashboards } from '../support/grafana-dashboards.ts'
import type { Choice } from '../support/grafana-macros.ts'
import { choices, isOperations, type Row, run, runAll } from '../support/grafana-queries.ts'
import { type GrafanaTwin, openGrafanaTwin } from '../support/grafana-twin.ts'

/** Values that break out of anything that is not quoted. */
const NASTY = [`O'Brien`, `"; drop table x; --`, `\\`, '$metric$', `\${tenant}`, `') or true --`]

let twin: GrafanaTwin
beforeAll(async () => {
  twin = await openGrafanaTwin()
}, 400_000)
afterAll(() => twin?.close())

describe.each(provisionedDashboards().map((d) => [d.json.title, d] as const))('%s', (_, dashboard) => {
  const { list } = dashboard.json.templating

  test('every query runs as the operators’ login; every panel is filled; overrides name columns that are there', async () => {
    const chosen = await choices(twin.operator, list)
    const filled = new Map<string, boolean>()
    await runAll(dashboard, twin.operator, chosen, (panel, refId, { columns, rows }) => {
      expect(rows.length, `${panel.title} ${refId}`).toBeGreaterThan(0)
      for (const column of columns) {
        const name = `${panel.title}: ${column}`
        filled.set(name, filled.get(name) || rows.some((row) => row[column] !== null))
      }
      if (panel.targets.length === 1)
        for (const { matcher } of panel.fieldConfig.overrides)
          if (matcher.id === 'byName') expect(columns, panel.title).toContain(matcher.options)
      for (const { id, options } of panel.transformations ?? [])
        if (id === 'groupingToMatrix')
          for (const field of ['columnField', 'rowField', 'valueField'] as const)
            expect(columns, panel.title).toContain((options as Record<string, string>)[field])
    })
    // A merged table takes each column from all its queries.
    expect([...filled].filter(([, isFilled]) => !isFilled).map(([name]) => name)).toEqual([])
  }, 120_000)

  test.skipIf(isOperations(dashboard))(
    'a bound login sees the same without choosing',
    async () => {
      const chosen = await choices(twin.bound, list)
      await runAll(dashboard, twin.bound, { ...chosen, tenant: 'empty' }, (panel, refId, { rows }) =>
        expect(rows.length, `${panel.title} ${refId}`).toBeGreaterThan(0),
      )
    },
    120_000,
  )

  test('choices are values, whatever they hold', async () => {
    const chosen = await choices(twin.operator, list)
    const nasty = Object.fromEntries(
      list.map(({ name, multi }) => [name, multi ? NASTY : (chosen[name] ?? '')]),
    ) as Record<string, Choice>
    await runAll(dashboard, twin.operator, nasty)
    const none = Object.fromEntries(list.map(({ name, multi }) => [name, multi ? [] : (chosen[name] ?? '')]))
    await runAll(dashboard, twin.operator, none as Record<string, Choice>)
    if (isOperations(dashboard)) return
    const sql = dashboard.panels[0]?.targets[0]?.rawSql ?? ''
    await expect(run(twin.operator, sql, { ...chosen, tenant: `x' or true --` })).rejects.toThrow(
      /no tenant x' or true/,
    )
  }, 120_000)
})

describe('alert rules', () => {
  const queries = new Map(provisionedAlertRules().map(({ labels, data }) => [labels.rule, data[0]?.model.rawSql ?? '']))

  test.each(alertRules.map((rule) => [rule.name, rule] as const))(
    '%s: a row per tenant, above the threshold by what the platform itself finds',
    async (name, rule) => {
      const { columns, rows } = await run(twin.operator, queries.get(name) ?? '', {})
      expect(columns).toEqual(['time', 'tenant', ...rule.labels, 'value'])
      for (const row of rows) {
        expect(['twin', 'empty']).toContain(row.tenant)
        expect(Number.isFinite(row.value)).toBe(true)
      }
      const at = new Date()
      const own = await withTenant(twin.platform.db.pool, twin.tenant.id, (client) =>
        client.query<Row>(
          loadSql(rule.sql).bind({
            now: at.toISOString(),
            from_at: new Date(at.getTime() - rule.windowSeconds * 1000).toISOString(),
          }),
        ),
      )
      const found = rows.filter((row) => row.tenant === 'twin').map(({ value }) => Number(value))
      expect(found.length).toBe(own.rows.length)
      expect(found.length).toBeGreaterThan(0)
      own.rows.forEach((row, i) => {
        expect(found[i]).toBeCloseTo(Number(row.value) - (thresholdOf(rule, twin.tenant.settings) ?? 0), 1)
      })
    },
  )

  test('follow a tenant’s own threshold, and leave out a tenant that has switched the rule off', async () => {
    const sql = queries.get('chat_sla_breach') ?? ''
    const set = (value: string) =>
      twin.platform.db.pool.query(
        `update analytics.tenants set settings = jsonb_set(settings, '{alerts.chat_sla_breach}', $2) where id = $1`,
        [twin.tenant.id, value],
      )
    const value = async () => (await run(twin.operator, sql, {})).rows.find((row) => row.tenant === 'twin')?.value
    const before = Number(await value())
    await set('-3')
    expect(await value()).toBe(before + 3)
    await set('false')
    expect(await value()).toBeUndefined()
    await twin.platform.db.pool.query(`update analytics.tenants set settings = settings - 'alerts.chat_sla_breach'`)
  })

  test('a bound login evaluates its own tenant only', async () => {
    for (const sql of queries.values())
      for (const row of (await run(twin.bound, sql, {})).rows) expect(row.tenant).toBe('twin')
  })
})
