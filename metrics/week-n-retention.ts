import { type Metric, memberDimensions, sqlOf } from './metric.ts'

export const weekNRetention: Metric = {
  name: 'week_n_retention',
  title: 'Week-n retention',
  category: 'retention',
  unit: { kind: 'ratio' },
  definition:
    'Members active on any of the days 7n…7n+6 after signing up, divided by the members who signed up in the period; n is the dimension week (0 to 52), week 1 when not grouped or filtered by it. Plan and coach are those at signing up. A cell appears once its last member’s week n is over.',
  granularities: ['week', 'month'],
  dimensions: [...memberDimensions, 'week'],
  additive: true,
  empty: 'null',
  roles: ['admin', 'coach'],
  matures: true,
  sql: sqlOf(import.meta.url),
}
