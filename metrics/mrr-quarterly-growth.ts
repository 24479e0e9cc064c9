import { type Metric, sqlOf } from './metric.ts'

export const mrrQuarterlyGrowth: Metric = {
  name: 'mrr_quarterly_growth',
  title: 'MRR growth over a quarter',
  category: 'revenue',
  unit: { kind: 'ratio' },
  definition:
    'MRR at the end of the period against MRR three months before, relative to the latter. Target: at least 0.15.',
  granularities: ['day', 'week', 'month'],
  dimensions: ['plan', 'currency', 'provider'],
  additive: true,
  empty: 'null',
  roles: ['admin', 'finance'],
  target: { value: 0.15, direction: 'at_least', of: 'value' },
  sql: sqlOf(import.meta.url),
}
