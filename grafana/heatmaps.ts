import {
  PanelBuilder as Heatmap,
  HeatmapColorMode,
  HeatmapColorOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/heatmap'
import { metric } from './panels.ts'
import { datasource, PostgresQuery, type QueryOptions, series, template } from './query.ts'
import { apiLink, size } from './style.ts'

/** Active members by day (across) and hour of the day (up): gaps and shifted rhythms show at once. */
export function hoursOfDay(options: QueryOptions): Heatmap {
  const active = metric('active_members')
  const sql = template('hours-of-day', { series: series(active, { ...options, granularity: 'hour' }) })
  return new Heatmap()
    .title('Active members by day and hour')
    .description(`${active.definition} Read for ranges of up to 80 days.`)
    .datasource(datasource)
    .withTarget(new PostgresQuery(sql, 'time_series'))
    .dataLinks([apiLink(active)])
    .calculate(false)
    .cellGap(1)
    .color(new HeatmapColorOptionsBuilder().mode(HeatmapColorMode.Scheme).scheme('Blues').steps(64).reverse(false))
    .span(size.full[0])
    .height(size.full[1])
}
