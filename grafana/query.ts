import { readFileSync } from 'node:fs'
import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog'
import type { DataSourceRef } from '@grafana/grafana-foundation-sdk/common'
import { parseSql } from '../db/sql.ts'
import type { Dimension, Granularity, Metric } from '../metrics/metric.ts'

/** The one data source; `provisioning/datasources` declares it. */
export const datasource = { type: 'grafana-postgresql-datasource', uid: 'upcoach-analytics' } satisfies DataSourceRef

export type Format = 'time_series' | 'table'

/** A query of the PostgreSQL data source, for which the SDK has no builder. */
export class PostgresQuery implements Builder<Dataquery> {
  readonly #query: Record<string, unknown>

  constructor(sql: string, format: Format, refId = 'A') {
    this.#query = { refId, datasource, format, rawQuery: true, editorMode: 'code', rawSql: sql }
  }

  build(): Dataquery {
    // The marker of the SDK's types is a function, and hence not part of the JSON.
    return { ...this.#query, _implementsDataqueryVariant: () => undefined }
  }
}

export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`
export const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`
const list = (names: readonly string[]): string => `array[${names.map(literal).join(', ')}]`

/**
 * Dashboard variables that filter, and the dimension each stands for. A plan of members is their profile's, a plan of revenue
 * the billing provider's: a metric takes the one or the other.
 */
const filterVariables = {
  plan: { dimension: 'plan', of: 'members' },
  coach: { dimension: 'coach', of: 'members' },
  cohort: { dimension: 'cohort', of: 'members' },
  persona: { dimension: 'persona', of: 'members' },
  revenue_plan: { dimension: 'plan', of: 'revenue' },
  currency_of: { dimension: 'currency', of: 'revenue' },
  provider: { dimension: 'provider', of: 'revenue' },
} as const satisfies Record<string, { dimension: Dimension; of: 'members' | 'revenue' }>
export type FilterVariable = keyof typeof filterVariables

/** Which of a dashboard's filters a metric understands, as `grafana.filters(plan => array['a', 'b'])`. */
function filtersOf(dimensions: readonly Dimension[], variables: readonly FilterVariable[]): string {
  const subject = dimensions.includes('coach') ? 'members' : 'revenue'
  const known = variables.filter((name) => {
    const { dimension, of } = filterVariables[name]
    return of === subject && dimensions.includes(dimension)
  })
  // A variable without a choice leaves nothing between the brackets.
  const given = known.map((name) => `${filterVariables[name].dimension} => array[\${${name}:sqlstring}]::text[]`)
  return `grafana.filters(${given.join(', ')})`
}

export interface QueryOptions {
  /** The dashboard's filter variables; those that the metric does not know are left out. */
  readonly filters?: readonly FilterVariable[]
  readonly groupBy?: Dimension
  /** Fixed, instead of the dashboard's variable. */
  readonly granularity?: Granularity
}

/** The dashboard's tenant, range, granularity and filters for a query: `grafana.parameters(…)`. */
export function parameters(
  granularities: readonly Granularity[],
  dimensions: readonly Dimension[],
  options: QueryOptions,
): string {
  const { granularity, groupBy, filters = [] } = options
  const chosen = granularity
    ? literal(granularity)
    : `grafana.granularity(\${granularity:sqlstring}, ${list(granularities)}, $__timeFrom(), $__timeTo())`
  const group = groupBy === undefined ? 'null' : literal(groupBy)
  return `grafana.parameters(\${tenant:sqlstring}, $__timeFrom(), $__timeTo(), ${chosen}, ${group}, ${filtersOf(dimensions, filters)})`
}

/** Fills the given `:named` places of SQL; the others are parameters that the database binds. */
export function fill(sql: string, expressions: Readonly<Record<string, string>>): string {
  const statement = parseSql(sql)
  return statement.render(
    Object.fromEntries(statement.parameters.map((name) => [name, expressions[name] ?? `:${name}`])),
  )
}

/** Reads a file of `queries/` with its `:named` places filled by SQL. */
export const template = (file: string, expressions: Readonly<Record<string, string>> = {}): string =>
  fill(readFileSync(new URL(`./queries/${file}.sql`, import.meta.url), 'utf8'), expressions)

/** The SQL of a metric or relation, quoted; its own parameters stay as they are and are bound by the database. */
function quoted(file: URL, own: Readonly<Record<string, string>> = {}): string {
  return `$metric$\n${fill(readFileSync(file, 'utf8'), own)}\n$metric$`
}

/** The metric as `grafana.series(…)`: rows time, key, value, partial, one per period and group. */
export function series(metric: Metric, options: QueryOptions = {}): string {
  const range = parameters(metric.granularities, metric.dimensions, options)
  const blank = metric.empty === 'zero' ? '0' : 'null'
  return `grafana.series(${range}, ${quoted(metric.sql)}, ${blank}, ${metric.unit.kind === 'money'})`
}

/** A query of `metrics/` that is no time series as `grafana.query(…) as r(columns)`. */
export function relation(
  file: URL,
  columns: string,
  dimensions: readonly Dimension[],
  options: QueryOptions & { readonly own?: Readonly<Record<string, string>> } = {},
): string {
  const range = parameters(['day', 'week', 'month'], dimensions, options)
  return `grafana.query(${range}, ${quoted(file, options.own)}) as r(${columns})`
}
