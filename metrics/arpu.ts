import { type Metric, sqlOf } from './metric.ts'

export const arpu: Metric = {
  name: 'arpu',
  title: 'ARPU',
  category: 'revenue',
  unit: { kind: 'money' },
  definition: 'MRR / paying customers at the end of the period: one customer however many subscriptions.',
  granularities: ['day', 'week', 'month'],
  dimensions: [],
  additive: false,
  empty: 'null',
  roles: ['admin', 'finance'],
  sql: sqlOf(import.meta.url),
}
