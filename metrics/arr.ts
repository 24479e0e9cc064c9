import { type Metric, sqlOf } from './metric.ts'

export const arr: Metric = {
  name: 'arr',
  title: 'ARR',
  category: 'revenue',
  unit: { kind: 'money' },
  definition: 'Annual run rate: 12 × MRR at the end of the period.',
  granularities: ['day', 'week', 'month'],
  dimensions: ['plan', 'currency', 'provider'],
  additive: true,
  empty: 'zero',
  roles: ['admin', 'finance'],
  sql: sqlOf(import.meta.url),
}
