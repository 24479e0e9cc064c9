import { type Metric, sqlOf } from './metric.ts'

export const ltv: Metric = {
  name: 'ltv',
  title: 'Lifetime value',
  category: 'revenue',
  unit: { kind: 'money' },
  definition:
    'ARPU / subscriber churn rate at the end of the period; null while nobody churns, since nothing then bounds a lifetime.',
  granularities: ['day', 'week', 'month'],
  dimensions: [],
  additive: false,
  empty: 'null',
  roles: ['admin', 'finance'],
  sql: sqlOf(import.meta.url),
}
