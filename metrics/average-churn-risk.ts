import { type Metric, memberDimensions, sqlOf } from './metric.ts'

export const averageChurnRisk: Metric = {
  name: 'average_churn_risk',
  title: 'Average churn risk',
  category: 'retention',
  unit: { kind: 'ratio' },
  definition:
    'Mean probability of no tracked action in the next 30 local days over the members scored on the period’s last scored day: the share of them that the model expects to fall silent.',
  granularities: ['day', 'week', 'month'],
  dimensions: memberDimensions,
  additive: true,
  empty: 'null',
  roles: ['admin', 'coach'],
  sql: sqlOf(import.meta.url),
}
