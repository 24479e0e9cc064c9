import { type Metric, sqlOf } from './metric.ts'

export const oneTimeRevenue: Metric = {
  name: 'one_time_revenue',
  title: 'One-time revenue',
  category: 'revenue',
  unit: { kind: 'money' },
  definition:
    'Purchases that do not recur, less refunds of anything, by the day the money moved; never part of MRR. Net of tax where the provider says the tax, at the day’s closing exchange rate.',
  granularities: ['day', 'week', 'month'],
  dimensions: ['currency', 'provider'],
  additive: true,
  empty: 'zero',
  roles: ['admin', 'finance'],
  sql: sqlOf(import.meta.url),
}
