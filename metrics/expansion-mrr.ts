import { type Metric, sqlOf } from './metric.ts'

export const expansionMrr: Metric = {
  name: 'expansion_mrr',
  title: 'Expansion MRR',
  category: 'revenue',
  unit: { kind: 'money' },
  definition:
    'What paying customers added in the period: more seats, a higher plan, another subscription, a discount that ended. Each change counts at its own day’s closing exchange rate, in the reporting currency; null while a currency has no rate at all.',
  granularities: ['day', 'week', 'month'],
  dimensions: ['plan', 'currency', 'provider'],
  additive: true,
  empty: 'zero',
  roles: ['admin', 'finance'],
  sql: sqlOf(import.meta.url),
}
