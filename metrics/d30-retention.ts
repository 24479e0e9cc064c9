import { type Metric, memberDimensions, sqlOf } from './metric.ts'

export const d30Retention: Metric = {
  name: 'd30_retention',
  title: 'Day-30 retention',
  category: 'retention',
  unit: { kind: 'ratio' },
  definition:
    'Classic retention: members active on local day signup + 30, divided by the members who signed up in the period. Plan and coach are those at signing up. A period appears once day 30 of its last member is over.',
  granularities: ['day', 'week', 'month'],
  dimensions: memberDimensions,
  additive: true,
  empty: 'null',
  roles: ['admin', 'coach'],
  matures: true,
  sql: sqlOf(import.meta.url),
}
