import { type Metric, memberDimensions, sqlOf } from './metric.ts'

export const stickiness: Metric = {
  name: 'stickiness',
  title: 'Stickiness',
  category: 'engagement',
  unit: { kind: 'ratio' },
  definition:
    'Daily active members divided by monthly active members (30 local days ending that day); over a week or month, the sum of the days’ DAU divided by the sum of the days’ MAU.',
  granularities: ['day', 'week', 'month'],
  dimensions: memberDimensions,
  additive: true,
  empty: 'null',
  roles: ['admin', 'coach'],
  sql: sqlOf(import.meta.url),
}
