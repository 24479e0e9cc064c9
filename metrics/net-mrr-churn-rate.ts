import { type Metric, sqlOf } from './metric.ts'

export const netMrrChurnRate: Metric = {
  name: 'net_mrr_churn_rate',
  title: 'Net MRR churn rate',
  category: 'revenue',
  unit: { kind: 'ratio' },
  definition:
    '(Churned + contraction − expansion − reactivation MRR of the period) / MRR at its start; negative when the base grows by itself.',
  granularities: ['day', 'week', 'month'],
  dimensions: ['plan', 'currency', 'provider'],
  additive: true,
  empty: 'null',
  roles: ['admin', 'finance'],
  better: 'lower',
  sql: sqlOf(import.meta.url),
}
