import { type Metric, sqlOf } from './metric.ts'

export const netNewMrr: Metric = {
  name: 'net_new_mrr',
  title: 'Net new MRR',
  category: 'revenue',
  unit: { kind: 'money' },
  definition:
    'New + reactivation + expansion − contraction − churn of the period, without exchange effects. Each change counts at its own day’s closing exchange rate, in the reporting currency; null while a currency has no rate at all.',
  granularities: ['day', 'week', 'month'],
  dimensions: ['plan', 'currency', 'provider'],
  additive: true,
  empty: 'zero',
  roles: ['admin', 'finance'],
  sql: sqlOf(import.meta.url),
}
