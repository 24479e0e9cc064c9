import { type Metric, memberDimensions, sqlOf } from './metric.ts'

export const highRiskMembers: Metric = {
  name: 'high_risk_members',
  title: 'High-risk members',
  category: 'retention',
  unit: { kind: 'count' },
  definition:
    'Members whose probability of no tracked action in the next 30 local days is 0.5 or more, on the period’s last scored day. Members silent for more than 30 days are no longer scored.',
  granularities: ['day', 'week', 'month'],
  dimensions: memberDimensions,
  additive: true,
  empty: 'zero',
  roles: ['admin', 'coach'],
  sql: sqlOf(import.meta.url),
}
