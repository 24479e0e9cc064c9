import { type Metric, sqlOf } from './metric.ts'

export const trialConversionRate: Metric = {
  name: 'trial_conversion_rate',
  title: 'Trial conversion rate',
  category: 'revenue',
  unit: { kind: 'ratio' },
  definition:
    'Trials that became paying in the period / trials that ended in it; someone who comes back to buy counts when he does, so late converters can take it above 1.',
  granularities: ['day', 'week', 'month'],
  dimensions: ['plan'],
  additive: true,
  empty: 'null',
  roles: ['admin', 'finance'],
  sql: sqlOf(import.meta.url),
}
