import { type Metric, sqlOf } from './metric.ts'

export const churnMrr: Metric = {
  name: 'churn_mrr',
  title: 'Churned MRR',
  category: 'revenue',
  unit: { kind: 'money' },
  definition:
    'MRR of customers who stopped paying in the period, as a positive amount, when their last paid period ended (setting: at the request). Each change counts at its own day’s closing exchange rate, in the reporting currency; null while a currency has no rate at all.',
  granularities: ['day', 'week', 'month'],
  dimensions: ['plan', 'currency', 'provider'],
  additive: true,
  empty: 'zero',
  roles: ['admin', 'finance'],
  better: 'lower',
  sql: sqlOf(import.meta.url),
}
