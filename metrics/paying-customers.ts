import { type Metric, sqlOf } from './metric.ts'

export const payingCustomers: Metric = {
  name: 'paying_customers',
  title: 'Paying customers',
  category: 'revenue',
  unit: { kind: 'count' },
  definition:
    'Customers with MRR above 0 at the end of the period (or today); one customer however many subscriptions, providers and currencies.',
  granularities: ['day', 'week', 'month'],
  dimensions: [],
  additive: true,
  empty: 'zero',
  roles: ['admin', 'finance'],
  sql: sqlOf(import.meta.url),
}
