import { type Metric, memberDimensions, sqlOf } from './metric.ts'

export const d1Retention: Metric = {
  name: 'd1_retention',
  title: 'Day-1 retention',
  category: 'retention',
  unit: { kind: 'ratio' },
  definition:
    'Classic retention: members active on local day signup + 1, divided by the members who signed up in the period. Plan and coach are those at signing up. A period appears once day 1 of its last member is over.',
  granularities: ['day', 'week', 'month'],
  dimensions: memberDimensions,
  additive: true,
  empty: 'null',
  roles: ['admin', 'coach'],
  matures: true,
  sql: sqlOf(import.meta.url),
}
