import { PanelBuilder as BarChart } from '@grafana/grafana-foundation-sdk/barchart'
import {
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  GraphDrawStyle,
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  PercentChangeColorMode,
  ReduceDataOptionsBuilder,
  StackingConfigBuilder,
  StackingMode,
  VizLegendOptionsBuilder,
  VizOrientation,
} from '@grafana/grafana-foundation-sdk/common'
import type { DataTransformerConfig, DynamicConfigValue } from '@grafana/grafana-foundation-sdk/dashboard'
import { PanelBuilder as Stat } from '@grafana/grafana-foundation-sdk/stat'
import { PanelBuilder as Table } from '@grafana/grafana-foundation-sdk/table'
import { PanelBuilder as TimeSeries } from '@grafana/grafana-foundation-sdk/timeseries'
import { findMetric } from '../metrics/catalog.ts'
import { type Dimension, dimensionTitles, type Metric } from '../metrics/metric.ts'
import { datasource, identifier, literal, PostgresQuery, type QueryOptions, series, template } from './query.ts'
import { apiLink, describe, size, titleOf } from './style.ts'

/** A metric of the catalogue; a dashboard that names another does not build. */
export function metric(name: string): Metric {
  const found = findMetric(name)
  if (!found) throw new Error(`the catalogue has no metric ${name}`)
  return found
}

const legend = () =>
  new VizLegendOptionsBuilder().showLegend(true).displayMode(LegendDisplayMode.List).placement(LegendPlacement.Bottom)

/** The latest period that is over, with the periods before it as a sparkline. */
export function stat(name: string, options: QueryOptions = {}): Stat {
  const of = metric(name)
  const sql = template('metric-complete', { title: identifier(of.title), series: series(of, options) })
  return describe(new Stat(), of)
    .datasource(datasource)
    .withTarget(new PostgresQuery(sql, 'time_series'))
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false))
    .graphMode(BigValueGraphMode.Area)
    .colorMode(BigValueColorMode.Value)
    .textMode(BigValueTextMode.Value)
    .percentChangeColorMode(PercentChangeColorMode.Standard)
    .span(size.stat[0])
    .height(size.stat[1])
}

/** A metric over time, with its target as a line. */
export function over(name: string, options: QueryOptions = {}): TimeSeries {
  const of = metric(name)
  const sql = template('metric', { title: identifier(of.title), series: series(of, options) })
  const panel = describe(new TimeSeries(), of)
    .datasource(datasource)
    .withTarget(new PostgresQuery(sql, 'time_series'))
    .drawStyle(GraphDrawStyle.Line)
    .fillOpacity(10)
    .spanNulls(false)
    .legend(legend())
    .span(size.third[0])
    .height(size.third[1])
  return of.target?.of === 'value'
    ? panel.thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Dashed))
    : panel
}

/** Several metrics of one unit over time in one panel. */
export function together(title: string, names: readonly string[], options: QueryOptions = {}): TimeSeries {
  const [first, ...others] = names.map(metric)
  if (!first) throw new Error('a panel needs a metric')
  const panel = over(first.name, options).title(title)
  others.forEach((of, i) => {
    const sql = template('metric', { title: identifier(of.title), series: series(of, options) })
    panel.withTarget(new PostgresQuery(sql, 'time_series', String.fromCharCode(66 + i)))
  })
  return panel
    .description([first, ...others].map((of) => `**${of.title}**: ${of.definition}`).join('\n\n'))
    .dataLinks([first, ...others].map(apiLink))
}

/** A metric over time by one of its dimensions; groups that sum to the whole are stacked bars. */
export function by(dimension: Dimension, name: string, options: QueryOptions = {}): TimeSeries {
  const of = metric(name)
  const sql = template('metric-by', { series: series(of, { ...options, groupBy: dimension }) })
  const panel = describe(new TimeSeries(), of, `${titleOf(of)} by ${dimensionTitles[dimension].toLowerCase()}`)
    .datasource(datasource)
    .withTarget(new PostgresQuery(sql, 'time_series'))
    .legend(legend())
    .span(size.half[0])
    .height(size.half[1])
  return of.additive && of.unit.kind !== 'ratio'
    ? panel
        .drawStyle(GraphDrawStyle.Bars)
        .fillOpacity(70)
        .stacking(new StackingConfigBuilder().mode(StackingMode.Normal))
    : panel.drawStyle(GraphDrawStyle.Line).spanNulls(true)
}

/** Every metric that has a target, with the latest value, its change and how that stands. */
export function targets(names: readonly string[], options: QueryOptions = {}): Table {
  const table = new Table()
    .title('Against targets')
    .description('The latest period that is over, the one before, and the target; within a tenth of it is at risk.')
    .datasource(datasource)
    .withTransformation({ id: 'merge', options: {} })
    .overrideByName('Change', [unit('percentunit'), { id: 'decimals', value: 1 }])
    .overrideByName('Status', [
      colored,
      {
        id: 'mappings',
        value: [
          {
            type: 'value',
            options: {
              'on track': { color: 'green', index: 0 },
              'at risk': { color: 'orange', index: 1 },
              'off track': { color: 'red', index: 2 },
            },
          },
        ],
      },
    ])
    .decimals(2)
  names.forEach((name, i) => {
    const of = metric(name)
    const { target } = of
    const sql = template('target', {
      title: literal(of.title),
      series: series(of, options),
      matures: String(of.matures === true),
      target: target ? String(target.value) : 'null',
      at_least: String(target?.direction !== 'at_most'),
      of_change: String(target?.of === 'change'),
    })
    table.withTarget(new PostgresQuery(sql, 'table', `T${i}`))
  })
  return table.span(size.full[0]).height(size.full[1])
}

/** A table of a query; `columns` says how columns look that are not plain text or numbers. */
export function table(
  title: string,
  description: string,
  sql: string,
  columns: Readonly<Record<string, readonly DynamicConfigValue[]>> = {},
  transformations: readonly DataTransformerConfig[] = [],
): Table {
  const panel = new Table()
    .title(title)
    .description(description)
    .datasource(datasource)
    .withTarget(new PostgresQuery(sql, 'table'))
    .span(size.full[0])
    .height(size.full[1])
    .noValue('–')
  for (const [name, properties] of Object.entries(columns)) panel.overrideByName(name, [...properties])
  for (const transformation of transformations) panel.withTransformation(transformation)
  return panel
}

/** A matrix of long rows (row, column, value) whose cells are coloured by value: a heat map with labels. */
export function matrix(
  title: string,
  description: string,
  sql: string,
  fields: { readonly row: string; readonly column: string; readonly value: string },
  valueUnit: string,
): Table {
  return table(title, description, sql, {}, [
    {
      id: 'groupingToMatrix',
      options: { columnField: fields.column, rowField: fields.row, valueField: fields.value, emptyValue: 'null' },
    },
  ])
    .overrideByFieldType('number', [
      colored,
      unit(valueUnit),
      { id: 'decimals', value: 0 },
      { id: 'color', value: { mode: 'continuous-BlPu' } },
    ])
    .height(size.tall[1])
}

/** Bars of a table of names and numbers. */
export function bars(title: string, description: string, sql: string, valueUnit = 'short'): BarChart {
  return new BarChart()
    .title(title)
    .description(description)
    .datasource(datasource)
    .withTarget(new PostgresQuery(sql, 'table'))
    .unit(valueUnit)
    .orientation(VizOrientation.Horizontal)
    .legend(
      new VizLegendOptionsBuilder()
        .showLegend(false)
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom),
    )
    .span(size.half[0])
    .height(size.half[1])
    .noValue('–')
}

/** A custom query over time; `stacked` for parts of a whole. */
export function plot(
  title: string,
  description: string,
  sql: string,
  options: { unit?: string; stacked?: boolean } = {},
): TimeSeries {
  const panel = new TimeSeries()
    .title(title)
    .description(description)
    .datasource(datasource)
    .withTarget(new PostgresQuery(sql, 'time_series'))
    .unit(options.unit ?? 'short')
    .legend(legend())
    .span(size.half[0])
    .height(size.half[1])
    .noValue('–')
  return options.stacked
    ? panel
        .drawStyle(GraphDrawStyle.Bars)
        .fillOpacity(70)
        .stacking(new StackingConfigBuilder().mode(StackingMode.Normal))
    : panel.drawStyle(GraphDrawStyle.Line)
}

/** One number of a table query's only row, good while it is at most `limit`. */
export function number(title: string, description: string, sql: string, options: { unit?: string } = {}): Stat {
  return new Stat()
    .title(title)
    .description(description)
    .datasource(datasource)
    .withTarget(new PostgresQuery(sql, 'table'))
    .unit(options.unit ?? 'short')
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false))
    .graphMode(BigValueGraphMode.None)
    .colorMode(BigValueColorMode.Value)
    .textMode(BigValueTextMode.Value)
    .noValue('–')
    .span(size.stat[0])
    .height(size.stat[1])
}

export const unit = (name: string): DynamicConfigValue => ({ id: 'unit', value: name })
/** A bar behind the number, as long as the value is large within its column. */
export const dataBar: DynamicConfigValue = {
  id: 'custom.cellOptions',
  value: { type: 'gauge', mode: 'basic', valueDisplayMode: 'text' },
}
export const colored: DynamicConfigValue = {
  id: 'custom.cellOptions',
  value: { type: 'color-background', mode: 'basic' },
}
export const range = (min: number, max: number): DynamicConfigValue[] => [
  { id: 'min', value: min },
  { id: 'max', value: max },
]
