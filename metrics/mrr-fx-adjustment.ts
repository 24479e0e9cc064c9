import { type Metric, sqlOf } from './metric.ts'

export const mrrFxAdjustment: Metric = {
  name: 'mrr_fx_adjustment',
  title: 'Exchange adjustment of MRR',
  category: 'revenue',
  unit: { kind: 'money' },
  definition:
    'What exchange rates alone did to MRR in the period: each day’s opening balance × (closing rate − closing rate of the day before). start + new + reactivation + expansion − contraction − churn + fx = end.',
  granularities: ['day', 'week', 'month'],
  dimensions: ['plan', 'currency', 'provider'],
  additive: true,
  empty: 'zero',
  roles: ['admin', 'finance'],
  sql: sqlOf(import.meta.url),
}
