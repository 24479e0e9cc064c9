import { type Metric, memberDimensions, sqlOf } from './metric.ts'

export const mau: Metric = {
  name: 'mau',
  title: 'Monthly active members',
  category: 'engagement',
  unit: { kind: 'count' },
  definition:
    'Distinct members with at least one tracked action in the 30 local days ending on the period’s last day. Grouped, a member counts under the plan and coach of the latest active day in the window.',
  granularities: ['day', 'week', 'month'],
  dimensions: memberDimensions,
  additive: true,
  empty: 'zero',
  roles: ['admin', 'coach'],
  sql: sqlOf(import.meta.url),
}
