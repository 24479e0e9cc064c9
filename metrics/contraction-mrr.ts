import { type Metric, sqlOf } from './metric.ts'

export const contractionMrr: Metric = {
  name: 'contraction_mrr',
  title: 'Contraction MRR',
  category: 'revenue',
  unit: { kind: 'money' },
  definition:
    'What customers who still pay took away in the period, as a positive amount; one of two subscriptions cancelled is contraction. Each change counts at its own day’s closing exchange rate, in the reporting currency; null while a currency has no rate at all.',
  granularities: ['day', 'week', 'month'],
  dimensions: ['plan', 'currency', 'provider'],
  additive: true,
  empty: 'zero',
  roles: ['admin', 'finance'],
  better: 'lower',
  sql: sqlOf(import.meta.url),
}
