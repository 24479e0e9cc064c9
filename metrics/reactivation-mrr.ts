import { type Metric, sqlOf } from './metric.ts'

export const reactivationMrr: Metric = {
  name: 'reactivation_mrr',
  title: 'Reactivation MRR',
  category: 'revenue',
  unit: { kind: 'money' },
  definition:
    'MRR of customers who paid before, had stopped, and began again in the period. Each change counts at its own day’s closing exchange rate, in the reporting currency; null while a currency has no rate at all.',
  granularities: ['day', 'week', 'month'],
  dimensions: ['plan', 'currency', 'provider'],
  additive: true,
  empty: 'zero',
  roles: ['admin', 'finance'],
  sql: sqlOf(import.meta.url),
}
