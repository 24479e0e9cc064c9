import type { Builder } from '@grafana/grafana-foundation-sdk/cog'
import {
  DashboardLinkBuilder,
  type Panel,
  type Threshold,
  ThresholdsConfigBuilder,
  ThresholdsMode,
} from '@grafana/grafana-foundation-sdk/dashboard'
import type { Metric, Target, Unit } from '../metrics/metric.ts'

/** Grafana's name of a unit. Money is shown in the tenant's currency, which titles name. */
const units: Readonly<Record<Unit['kind'], { unit: string; decimals?: number }>> = {
  ratio: { unit: 'percentunit', decimals: 1 },
  count: { unit: 'short' },
  minutes: { unit: 'm', decimals: 0 },
  seconds: { unit: 's' },
  score: { unit: 'none', decimals: 2 },
  days: { unit: 'none', decimals: 1 },
  money: { unit: 'none', decimals: 2 },
}

/** What every panel builder of the SDK can do; it has no type for that. */
interface Described extends Builder<Panel> {
  title(title: string): this
  description(description: string): this
  unit(unit: string): this
  decimals(decimals: number): this
  thresholds(thresholds: ThresholdsConfigBuilder): this
  dataLinks(links: DashboardLinkBuilder[]): this
  noValue(text: string): this
}

export function titleOf(metric: Metric): string {
  const { kind } = metric.unit
  return kind === 'money' ? `${metric.title} (\${currency})` : kind === 'days' ? `${metric.title} (days)` : metric.title
}

/** Title, definition, unit, thresholds and links of a metric. */
export function describe<P extends Described>(panel: P, metric: Metric, title = titleOf(metric)): P {
  const { unit, decimals } = units[metric.unit.kind]
  panel
    .title(title)
    .description(metric.definition)
    .unit(unit)
    .thresholds(thresholdsOf(metric.target))
    .dataLinks([apiLink(metric)])
    .noValue('–')
  return decimals === undefined ? panel : panel.decimals(decimals)
}

/** Red, orange within a tenth of the target, green; a target of growth is judged in the table of targets. */
function thresholdsOf(target: Target | undefined): ThresholdsConfigBuilder {
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(stepsOf(target))
}

function stepsOf(target: Target | undefined): Threshold[] {
  if (target === undefined || target.of === 'change') return [{ value: null, color: 'blue' }]
  return target.direction === 'at_least'
    ? [
        { value: null, color: 'red' },
        { value: target.value * 0.9, color: 'orange' },
        { value: target.value, color: 'green' },
      ]
    : [
        { value: null, color: 'green' },
        { value: target.value, color: 'orange' },
        { value: target.value / 0.9, color: 'red' },
      ]
}

/** From a point to the operation of the API's documentation that serves the metric. */
export function apiLink(metric: Metric): DashboardLinkBuilder {
  return operationLink(`${metric.name} in the API`, 'metrics/getMetricsByName')
}

/** Beside the title of a panel: the operation that answers the same question. */
export const inApi = (operation: `${string}/${string}`): DashboardLinkBuilder[] => [
  operationLink('In the API', operation),
]

/** To an operation of the API's documentation, by tag and id. */
function operationLink(title: string, operation: `${string}/${string}`): DashboardLinkBuilder {
  return new DashboardLinkBuilder(title).url(`\${api}/documentation#/${operation}`).targetBlank(true)
}

/** Panel width in the grid of 24 columns, and height. */
export const size = { stat: [4, 4], half: [12, 8], third: [8, 8], full: [24, 9], tall: [24, 12] } as const
