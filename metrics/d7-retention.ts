import { type Metric, memberDimensions, sqlOf } from './metric.ts'

export const d7Retention: Metric = {
  name: 'd7_retention',
  title: 'Day-7 retention',
  category: 'retention',
  unit: { kind: 'ratio' },
  definition:
    'Classic retention: members active on local day signup + 7, divided by the members who signed up in the period. Plan and coach are those at signing up. A period appears once day 7 of its last member is over. Target: at least 0.40.',
  granularities: ['day', 'week', 'month'],
  dimensions: memberDimensions,
  additive: true,
  empty: 'null',
  roles: ['admin', 'coach'],
  target: { value: 0.4, direction: 'at_least', of: 'value' },
  matures: true,
  sql: sqlOf(import.meta.url),
}
