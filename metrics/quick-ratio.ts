import { type Metric, sqlOf } from './metric.ts'

export const quickRatio: Metric = {
  name: 'quick_ratio',
  title: 'Quick ratio',
  category: 'revenue',
  unit: { kind: 'ratio' },
  definition:
    '(New + reactivation + expansion) / (contraction + churned MRR) of the period; null when nothing was lost.',
  granularities: ['day', 'week', 'month'],
  dimensions: ['plan', 'currency', 'provider'],
  additive: true,
  empty: 'null',
  roles: ['admin', 'finance'],
  sql: sqlOf(import.meta.url),
}
