import { type Metric, memberDimensions, sqlOf } from './metric.ts'

export const highRiskShare: Metric = {
  name: 'high_risk_share',
  title: 'Members at high churn risk',
  category: 'retention',
  unit: { kind: 'ratio' },
  definition:
    'Of the members with a tracked action in the 30 local days up to the period’s last scored day, the share whose probability of no tracked action in the 30 days after it is 0.5 or more. Scores are what was known at the end of that day; plan and coach are those of that day.',
  granularities: ['day', 'week', 'month'],
  dimensions: memberDimensions,
  additive: true,
  empty: 'null',
  roles: ['admin', 'coach'],
  target: { value: 0.25, direction: 'at_most', of: 'value' },
  sql: sqlOf(import.meta.url),
}
