import { expect } from 'vitest'
import type { DashboardJson, PanelJson, VariableJson } from './grafana-dashboards.ts'
import type { GrafanaLogin } from './grafana-login.ts'
import { type Choice, expand } from './grafana-macros.ts'
import { range } from './grafana-twin.ts'

export type Row = Record<string, string | number | boolean | null>
export interface Result {
  readonly columns: readonly string[]
  readonly rows: readonly Row[]
}

/** Runs a query as Grafana would: variables and macros expanded, as the data source's login. */
export async function run(login: GrafanaLogin, sql: string, variables: Record<string, Choice>): Promise<Result> {
  const text = expand(sql, range, variables)
  try {
    const { fields, rows } = await login.pool.query<Row>(text)
    return { columns: fields.map(({ name }) => name), rows }
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n${text}`)
  }
}

/** Each variable's options, in order: a query may use the variables before it. */
export async function choices(
  login: GrafanaLogin,
  variables: readonly VariableJson[],
): Promise<Record<string, Choice>> {
  const chosen: Record<string, Choice> = {}
  for (const { name, type, query, includeAll, allValue } of variables) {
    if (type === 'textbox') chosen[name] = query
    else if (type === 'custom') chosen[name] = 'day'
    else {
      const { columns, rows } = await run(login, query, chosen)
      for (const column of columns) expect(['__text', '__value'], `${name}: ${column}`).toContain(column)
      expect(rows.length, `options of ${name}`).toBeGreaterThan(0)
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

/** Runs every query of a dashboard's panels and annotations and checks its shape. */
export async function runAll(
  { panels, json }: DashboardJson,
  login: GrafanaLogin,
  chosen: Record<string, Choice>,
  seen?: (panel: PanelJson, refId: string, result: Result) => void,
): Promise<void> {
  for (const panel of panels)
    for (const { rawSql, format, refId } of panel.targets) {
      const result = await run(login, rawSql, chosen)
      checkShape(result, format, `${panel.title} ${refId}`)
      seen?.(panel, refId, result)
    }
  for (const { name, target } of json.annotations.list) {
    const { columns, rows } = await run(login, target.rawSql, chosen)
    expect(columns, name).toEqual(['time', 'text', 'tags'])
    expect(rows.length, name).toBeGreaterThan(0)
  }
}

/** A dashboard of the platform has no tenant: tenants' logins do not open it, and it has no metric panels. */
export const isOperations = ({ file }: DashboardJson): boolean => file.includes('/operations/')
