import { type Metric, sqlOf } from './metric.ts'

export const grossMrrChurnRate: Metric = {
  name: 'gross_mrr_churn_rate',
  title: 'Gross MRR churn rate',
  category: 'revenue',
  unit: { kind: 'ratio' },
  definition: '(Churned + contraction MRR of the period) / MRR at its start; null when it started with none.',
  granularities: ['day', 'week', 'month'],
  dimensions: ['plan', 'currency', 'provider'],
  additive: true,
  empty: 'null',
  roles: ['admin', 'finance'],
  better: 'lower',
  sql: sqlOf(import.meta.url),
}
