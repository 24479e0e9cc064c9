import { type Metric, sqlOf } from './metric.ts'

export const quickRatio: Metric = {
  name: 'quick_ratio',
  title: 'Quick ratio',
  category: 'revenue',
  // a multiple, not a share: 2.2, not 220 %
  unit: { kind: 'score' },
  definition:
    '(New + reactivation + expansion) / (contraction + churned MRR) of the period; null when nothing was lost.',
  granularities: ['day', 'week', 'month'],
  dimensions: ['plan', 'currency', 'provider'],
  additive: true,
  empty: 'null',
  roles: ['admin', 'finance'],
  sql: sqlOf(import.meta.url),
}
