import { metrics } from '../../metrics/catalog.ts'
import type { Metric } from '../../metrics/metric.ts'
import { dashboard } from '../dashboard.ts'
import { over } from '../panels.ts'
import { tenantVariables } from '../variables.ts'

const filters = ['plan', 'coach', 'cohort'] as const
const titles: Readonly<Record<Metric['category'], string>> = {
  engagement: 'Engagement',
  goals: 'Goals',
  habits: 'Habits',
  ai: 'AI',
  retention: 'Retention',
  coaching: 'Coaching',
  revenue: 'Revenue',
}

/** One panel per metric of the catalogue: a new metric is here without anybody drawing it. */
export const allMetrics = dashboard({
  name: 'all-metrics',
  title: 'All metrics',
  description: 'Every metric of the catalogue over time, by what it is about.',
  variables: tenantVariables(filters),
  rows: Object.fromEntries(
    Object.entries(titles).map(([category, title]) => [
      title,
      metrics
        .filter((metric) => metric.category === category)
        // money has plans of its own
        .map(({ name, dimensions }) =>
          over(name, {
            filters: category === 'revenue' ? [] : filters.filter((filter) => dimensions.includes(filter)),
          }),
        ),
    ]),
  ),
})
